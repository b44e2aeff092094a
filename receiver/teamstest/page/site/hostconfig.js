// How Teams sets type, space and colour in a card, as near as it can be known
// from outside: the renderer calls this a host configuration.

const light = {
  text: "#242424", dim: "#616161", line: "#e0e0e0",
  accent: "#5b5fc7", good: "#0e700e", warning: "#8a5a00", attention: "#b10e1c",
  grounds: { default: "#ffffff", emphasis: "#f5f5f5", accent: "#e8ebfa", good: "#e4f3e4", attention: "#fde9ea", warning: "#fff4d6" },
};

const dark = {
  text: "#ffffff", dim: "#adadad", line: "#4a4a4a",
  accent: "#9ea2ff", good: "#7bc67b", warning: "#fcd15c", attention: "#f5838d",
  grounds: { default: "#292929", emphasis: "#343434", accent: "#2f3054", good: "#1d3a22", attention: "#4a2126", warning: "#453817" },
};

// hostConfig is what AdaptiveCards.HostConfig takes.
export function hostConfig(isDark, fontFamily) {
  const theme = isDark ? dark : light;
  const shade = (color) => ({ default: color, subtle: color, highlightColors: { default: theme.grounds.warning, subtle: theme.grounds.warning } });
  const foregroundColors = {
    default: { ...shade(theme.text), subtle: theme.dim },
    dark: { ...shade(isDark ? "#d6d6d6" : "#242424"), subtle: theme.dim },
    light: { ...shade(isDark ? "#ffffff" : "#707070"), subtle: theme.dim },
    accent: shade(theme.accent),
    good: shade(theme.good),
    warning: shade(theme.warning),
    attention: shade(theme.attention),
  };
  const containerStyles = {};
  for (const [style, backgroundColor] of Object.entries(theme.grounds)) {
    containerStyles[style] = { backgroundColor, foregroundColors, borderColor: theme.line };
  }
  const fontSizes = { small: 12, default: 14, medium: 16, large: 18, extraLarge: 24 };
  const lineHeights = { small: 16, default: 20, medium: 22, large: 26, extraLarge: 32 };
  const fontWeights = { lighter: 300, default: 400, bolder: 600 };
  return {
    supportsInteractivity: true,
    fontFamily, fontSizes, lineHeights, fontWeights,
    fontTypes: {
      default: { fontFamily, fontSizes, fontWeights },
      monospace: { fontFamily: "ui-monospace, 'Cascadia Code', Consolas, 'DejaVu Sans Mono', monospace", fontSizes, fontWeights },
    },
    spacing: { extraSmall: 4, small: 8, default: 12, medium: 16, large: 20, extraLarge: 24, padding: 16 },
    separator: { lineThickness: 1, lineColor: theme.line },
    imageSizes: { small: 32, medium: 52, large: 100 },
    imageSet: { imageSize: "medium", maxImageHeight: 100 },
    factSet: { title: { weight: "bolder", wrap: true, maxWidth: 150 }, value: { wrap: true }, spacing: 16 },
    textBlock: { headingLevel: 2 },
    table: { cellSpacing: 8 },
    containerStyles,
    actions: {
      maxActions: 6, spacing: "default", buttonSpacing: 8, actionsOrientation: "horizontal", actionAlignment: "left",
      showCard: { actionMode: "inline", inlineTopMargin: 12, style: "emphasis" },
    },
    adaptiveCard: { allowCustomStyle: false },
  };
}
