package teams

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/influxdata/telegraf/config"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// block is a fenced block of the README: its language, what follows that, and
// its text, without the indentation of a list.
type block struct{ language, from, text string }

var fence = regexp.MustCompile("(?ms)^( *)```(\\w+)(?: @(\\S+))?\n(.*?)^ *```$")

func readme(t *testing.T) (text string, blocks []block) {
	t.Helper()
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, m := range fence.FindAllStringSubmatch(string(data), -1) {
		var plain strings.Builder
		for line := range strings.Lines(m[4]) {
			plain.WriteString(strings.TrimPrefix(line, m[1]))
		}
		blocks = append(blocks, block{m[2], m[3], plain.String()})
	}
	require.NotEmpty(t, blocks)
	return string(data), blocks
}

// TestTheREADMEHasTheSampleConfig: people copy from the README, Telegraf prints
// the file; they must not differ.
func TestTheREADMEHasTheSampleConfig(t *testing.T) {
	_, blocks := readme(t)
	found := 0
	for _, b := range blocks {
		if b.from == "sample.conf" {
			found++
			require.Equal(t, sampleConfig, b.text)
		}
	}
	require.Equal(t, 1, found)
}

// TestEverythingInTheREADMELoads: what does not load would stop a beginner in
// the first five minutes.
func TestEverythingInTheREADMELoads(t *testing.T) {
	_, blocks := readme(t)
	sections, files := 0, 0
	for i, b := range blocks {
		switch b.language {
		case "toml":
			sections++
			// An option without a value says that there is no default.
			var document struct {
				Outputs struct {
					Teams []Teams          `toml:"teams"`
					Execd []map[string]any `toml:"execd"`
				} `toml:"outputs"`
			}
			meta, err := toml.Decode(b.text, &document)
			require.NoError(t, err, b.text)
			require.Len(t, append(document.Outputs.Execd, make([]map[string]any, len(document.Outputs.Teams))...), 1)
			for _, key := range meta.Undecoded() {
				require.Equal(t, "execd", key[1], "there is no option %s", key)
			}
		case "yaml":
			files++
			_, problems := rules.Parse([]rules.File{{Name: fmt.Sprintf("block %d", i), Data: []byte(b.text)}})
			require.Empty(t, problems.Error())
		}
	}
	require.GreaterOrEqual(t, sections, 3)
	require.GreaterOrEqual(t, files, 2)
}

// TestEveryOptionIsInTheSampleConfig, and nothing else.
func TestEveryOptionIsInTheSampleConfig(t *testing.T) {
	shown := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^  (?:# )?(\w+) =`).FindAllStringSubmatch(sampleConfig, -1) {
		require.False(t, shown[m[1]], "%s is there twice", m[1])
		shown[m[1]] = true
	}
	var tags func(t reflect.Type)
	known := make(map[string]bool)
	tags = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			switch tag := f.Tag.Get("toml"); {
			case f.Anonymous:
				tags(f.Type)
			case tag != "" && tag != "-":
				known[tag] = true
			}
		}
	}
	tags(reflect.TypeFor[Teams]())
	require.Equal(t, known, shown)
}

// TestDefaultsAreAsTheSampleConfigSays: a line with a # is what holds without it.
func TestDefaultsAreAsTheSampleConfigSays(t *testing.T) {
	var said struct {
		GroupBy        []string        `toml:"group_by"`
		GroupWait      config.Duration `toml:"group_wait"`
		GroupInterval  config.Duration `toml:"group_interval"`
		RepeatInterval config.Duration `toml:"repeat_interval"`
		Timeout        config.Duration `toml:"timeout"`
	}
	var lines strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^  # ((?:group_\w+|repeat_interval|timeout) = .*)$`).FindAllStringSubmatch(sampleConfig, -1) {
		lines.WriteString(m[1] + "\n")
	}
	_, err := toml.Decode(lines.String(), &said)
	require.NoError(t, err)
	require.Equal(t, defaultGroupBy, said.GroupBy)
	require.Equal(t, defaultGroupWait, time.Duration(said.GroupWait))
	require.Equal(t, defaultGroupInterval, time.Duration(said.GroupInterval))
	require.Equal(t, defaultRepeatInterval, time.Duration(said.RepeatInterval))
	require.Equal(t, defaultTimeout, time.Duration(said.Timeout))
}

// TestTheTrialHasAStateOfItsOwn: in that of the simulator the alert counts as
// told, and Teams would hear nothing of it for hours.
func TestTheTrialHasAStateOfItsOwn(t *testing.T) {
	_, blocks := readme(t)
	states := make(map[string]bool)
	for _, b := range blocks {
		if state := regexp.MustCompile(`state_file = (".*")`).FindStringSubmatch(b.text); b.from == "" && state != nil {
			require.False(t, states[state[1]], "two steps use %s", state[1])
			states[state[1]] = true
		}
	}
	require.Len(t, states, 2)
}

// TestEverySampleOfExecd has what Telegraf does not do by itself: it would write
// metrics one by one, and start a program that finds a mistake in its rules
// again at once, and again, as long as nobody looks.
func TestEverySampleOfExecd(t *testing.T) {
	sample, err := os.ReadFile("../../../sample-configs/telegraf.conf")
	require.NoError(t, err)
	help, err := os.ReadFile("cmd/telegraf-output-teams/main.go")
	require.NoError(t, err)
	_, blocks := readme(t)
	found := 0
	for _, b := range append(blocks, block{"toml", "", string(sample)}, block{"toml", "", string(help)}) {
		if b.language != "toml" || !strings.Contains(b.text, "[[outputs.execd]]\n") {
			continue
		}
		found++
		require.Regexp(t, `(?m)^ *use_batch_format = true$`, b.text)
		require.Regexp(t, `(?m)^ *restart_delay = "10s"( +#.*)?$`, b.text)
	}
	require.Equal(t, 3, found)
}

// TestTheREADMEGetsThePackage, not the module: for a module alone go get records
// nothing of what its packages need, and the build of Telegraf ends with
// "missing go.sum entry".
func TestTheREADMEGetsThePackage(t *testing.T) {
	text, _ := readme(t)
	require.Equal(t, reflect.TypeFor[Teams]().PkgPath(), regexp.MustCompile(`(?m)^go get (.*)$`).FindStringSubmatch(text)[1])
}

// TestLinksInTheREADME lead to headings that there are.
func TestLinksInTheREADME(t *testing.T) {
	text, _ := readme(t)
	headings := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		headings[strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	links := regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		require.Contains(t, headings, link[1])
	}
}

// TestTheREADMEIsTelegrafs: the form that Telegraf's own linter asks for.
func TestTheREADMEIsTelegrafs(t *testing.T) {
	text, _ := readme(t)
	title, rest, _ := strings.Cut(text, "\n")
	require.True(t, strings.HasPrefix(title, "# ") && strings.HasSuffix(title, " Plugin"), title)
	var headings []string
	for _, m := range regexp.MustCompile(`(?m)^## (.*?)(?: <!--.*)?$`).FindAllStringSubmatch(rest, -1) {
		headings = append(headings, m[1])
	}
	require.Equal(t, []string{"Global configuration options", "Secret-store support", "Configuration", "Limits", "Troubleshooting"}, headings)
	require.Regexp(t, `\n\n⭐ Telegraf v\d+\.\d+\.\d+\n🏷️ messaging\n💻 all\n\n`, text)
	require.Regexp(t, "## Configuration\n\n```toml @sample.conf\n", text)
	for number, line := range strings.Split(sampleConfig, "\n") {
		require.NotContains(t, line, "\t", "line %d", number+1)
		require.LessOrEqual(t, len(line), 80, "line %d", number+1)
	}
}
