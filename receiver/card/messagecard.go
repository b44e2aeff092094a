package card

import (
	"fmt"
	"strconv"
	"strings"
)

// messageCard is the type of the cards that Office 365 connectors took, and
// that Workflows shows without its buttons, or not at all.
const messageCard = "MessageCard"

// adaptiveType is the content type of an Adaptive Card in a message.
const adaptiveType = "application/vnd.microsoft.card.adaptive"

// A loss is something in a card that Teams cannot do and that was left out.
type loss struct {
	what   string
	from   int  // where it stands in the template's output
	button bool // it is a button without an address that opens
}

// adapt makes an Adaptive Card of what a template wrote, if it is one of the
// other shapes in which cards go to Teams: a message with an attachment, or a
// MessageCard. It returns what could not be carried over, and where in the
// template's output the MessageCard's buttons stand that were.
func (t *tree) adapt(foreign bool) (losses []loss, buttons []int) {
	c := converter{tree: t}
	if t.nodes[0].kind == '{' {
		c.unwrap()
		if c.isMessageCard() {
			c.convert()
		}
		if foreign {
			c.stripMentions()
			c.tame(0)
		}
	}
	return c.losses, c.buttons
}

// converter rebuilds a card.
type converter struct {
	tree    *tree
	losses  []loss
	buttons []int
}

func (c *converter) lost(at int, format string, args ...any) {
	c.losses = append(c.losses, loss{what: fmt.Sprintf(format, args...), from: int(c.tree.nodes[at].from)})
}

// unwrap puts a message's card in the place of the message. The words around
// the card become its preview.
func (c *converter) unwrap() {
	t := c.tree
	attachments := t.member(0, "attachments")
	if attachments == 0 || t.nodes[attachments].kind != '[' {
		return
	}
	summary := t.member(0, "summary")
	if summary == 0 {
		summary = t.member(0, "text")
	}
	card := 0
	for at := range t.children(attachments) {
		content := t.member(at, "content")
		switch {
		case content == 0 || t.nodes[content].kind != '{':
			c.lost(at, "an attachment of type %q is not shown: Teams takes Adaptive Cards", t.text(t.member(at, "contentType")))
		case card != 0:
			c.lost(at, "only the first attachment is shown: a message holds one card")
		default:
			card = content
		}
	}
	if card == 0 {
		return
	}
	words := t.nodes[summary]
	t.replace(card)
	if summary != 0 && words.kind == '"' && t.member(0, "fallbackText") == 0 && t.member(0, "summary") == 0 {
		t.string(0, "fallbackText", string(words.raw))
	}
}

// replace makes a node of the card the card.
func (t *tree) replace(at int) {
	t.nodes[0] = t.nodes[at]
	t.nodes[0].name, t.nodes[0].next = nil, 0
}

// isMessageCard recognises a MessageCard. Some leave the type out, because the
// connector did not ask for it.
func (c *converter) isMessageCard() bool {
	t := c.tree
	if kind := t.member(0, "@type"); kind != 0 {
		return strings.EqualFold(t.text(kind), messageCard)
	}
	if t.member(0, "type") != 0 || t.member(0, "body") != 0 {
		return false
	}
	for _, name := range []string{"sections", "themeColor", "potentialAction", "title", "text"} {
		if t.member(0, name) != 0 {
			return true
		}
	}
	return false
}

// convert rebuilds the MessageCard as an Adaptive Card.
func (c *converter) convert() {
	t := c.tree
	card := t.loose('{')
	t.string(card, "type", "AdaptiveCard")
	t.string(card, "version", "1.5")
	if preview := c.preview(); preview != "" {
		t.setText(card, "fallbackText", preview)
	}
	t.string(t.container(card, "msteams", '{'), "width", "Full")
	body := t.container(card, "body", '[')

	style := themeStyle(t.text(t.member(0, "themeColor")))
	title, text := c.words(0, "title", true), c.words(0, "text", c.isMarkdown(0))
	if title != "" || text != "" {
		head := c.head(body, style)
		if title != "" {
			block := c.block(head, title)
			t.string(block, "style", "heading")
			t.string(block, "size", "Large")
			t.string(block, "weight", "Bolder")
		}
		c.block(head, text)
	}
	if sections := t.member(0, "sections"); sections != 0 {
		for section := range t.children(sections) {
			if t.nodes[section].kind != '{' {
				continue
			}
			box := c.section(body, section, t.count(body) > 0)
			if box != 0 && t.count(body) == 1 {
				t.dress(box, style) // nothing else has the card's colour
			}
		}
	}
	if summary := c.words(0, "summary", false); t.count(body) == 0 && summary != "" {
		c.block(c.head(body, style), summary)
	}
	c.actions(card, t.member(0, "potentialAction"))
	t.replace(card)
}

// head is where the first words of the card go: a container in its colour, if
// it has one.
func (c *converter) head(body int, style string) int {
	if style == "" {
		return body
	}
	box := c.tree.element(body, "Container")
	c.tree.dress(box, style)
	return c.tree.container(box, "items", '[')
}

// dress gives a container a colour from edge to edge. "" is none.
func (t *tree) dress(box int, style string) {
	if style != "" {
		t.string(box, "style", style)
		t.literal(box, "bleed", "true")
	}
}

// preview is what a phone shows: the summary, else the title.
func (c *converter) preview() string {
	for _, name := range []string{"summary", "title", "text"} {
		at := c.tree.member(0, name)
		if at == 0 || c.tree.nodes[at].kind != '"' {
			continue
		}
		text := unescapeMarkdown(withoutMarks(readable(unquote(c.tree.nodes[at].raw))))
		if text = oneLine(text); text != "" {
			return shorten(text, maxPreview)
		}
	}
	return ""
}

// section adds a section to the body and returns its container; 0 if there is
// nothing in it.
func (c *converter) section(body, section int, apart bool) int {
	t := c.tree
	box := t.element(body, "Container")
	if apart {
		t.literal(box, "separator", "true")
		t.string(box, "spacing", "Medium")
	}
	items := t.container(box, "items", '[')
	markdown := c.isMarkdown(section)
	if title := c.words(section, "title", markdown); title != "" {
		t.string(c.block(items, title), "weight", "Bolder")
	}
	c.activity(items, section, markdown)
	c.block(items, c.words(section, "text", markdown))
	c.facts(items, t.member(section, "facts"), markdown)
	c.image(items, t.member(section, "heroImage"))
	if images := t.member(section, "images"); images != 0 {
		set := t.element(items, "ImageSet")
		list := t.container(set, "images", '[')
		for image := range t.children(images) {
			c.image(list, image)
		}
		if t.nodes[list].first == 0 {
			t.nodes[set].gone = true
		}
	}
	if actions := t.member(section, "potentialAction"); actions != 0 {
		set := t.element(items, "ActionSet")
		if c.actions(set, actions) == 0 {
			t.nodes[set].gone = true
		}
	}
	if t.count(items) == 0 {
		t.nodes[box].gone = true
		return 0
	}
	return box
}

// activity adds who did what: a picture, and beside it up to three texts.
func (c *converter) activity(items, section int, markdown bool) {
	t := c.tree
	title := c.words(section, "activityTitle", markdown)
	subtitle := c.words(section, "activitySubtitle", markdown)
	text := c.words(section, "activityText", markdown)
	if title == "" && subtitle == "" && text == "" {
		return
	}
	beside := items
	if picture := t.member(section, "activityImage"); picture != 0 && opens(unquote(t.nodes[picture].raw), true) {
		columns := t.container(t.element(items, "ColumnSet"), "columns", '[')
		left := t.element(columns, "Column")
		t.string(left, "width", "auto")
		image := t.element(t.container(left, "items", '['), "Image")
		t.string(image, "url", t.text(picture))
		t.string(image, "size", "Small")
		t.string(image, "altText", "")
		if t.text(t.member(section, "activityImageType")) != "article" {
			t.string(image, "style", "Person")
		}
		right := t.element(columns, "Column")
		t.string(right, "width", "stretch")
		beside = t.container(right, "items", '[')
	}
	if title != "" {
		t.string(c.block(beside, title), "weight", "Bolder")
	}
	if subtitle != "" {
		block := c.block(beside, subtitle)
		t.string(block, "spacing", "None")
		t.string(block, "size", "Small")
	}
	c.block(beside, text)
}

// facts adds names and values. Sections that leave a fact empty, because an if
// in their template did, lose it.
func (c *converter) facts(items, facts int, markdown bool) {
	if facts == 0 {
		return
	}
	t := c.tree
	set := 0
	list := 0
	for fact := range t.children(facts) {
		if t.nodes[fact].kind != '{' {
			continue
		}
		name, value := c.words(fact, "name", markdown), c.words(fact, "value", markdown)
		if name == "" && value == "" {
			continue
		}
		if set == 0 {
			set = t.element(items, "FactSet")
			list = t.container(set, "facts", '[')
		}
		made := t.add(list, node{kind: '{'})
		t.setText(made, "title", name)
		t.setText(made, "value", value)
	}
}

// image adds a picture: an object with a URL and a title, or a URL.
func (c *converter) image(items, image int) {
	if image == 0 {
		return
	}
	t := c.tree
	url, title := image, 0
	if t.nodes[image].kind == '{' {
		url, title = t.member(image, "image"), t.member(image, "title")
	}
	link := t.text(url)
	if url == 0 || !opens(link, true) {
		if link != "" {
			c.lost(image, "a picture is left out: its address is not http or https")
		}
		return
	}
	made := t.element(items, "Image")
	t.string(made, "url", link)
	words := ""
	if title != 0 {
		words = t.text(title)
	}
	t.string(made, "altText", words)
}

// actions adds the buttons that open a page and says which others there were.
func (c *converter) actions(parent, actions int) (made int) {
	if actions == 0 {
		return 0
	}
	t := c.tree
	list := 0
	add := func(action int, link string) {
		if list == 0 {
			list = t.container(parent, "actions", '[')
		}
		button := t.element(list, "Action.OpenUrl")
		name := c.title(action)
		if name == "" {
			name = "Open"
		}
		t.setText(button, "title", name)
		t.string(button, "url", link)
		c.buttons = append(c.buttons, int(t.nodes[action].from))
		made++
	}
	var walk func(actions int)
	walk = func(actions int) {
		for action := range t.children(actions) {
			if t.nodes[action].kind != '{' {
				continue
			}
			kind := t.text(t.member(action, "@type"))
			link := c.link(action)
			switch {
			case link != "" && opens(link, false):
				add(action, link)
			case kind == "OpenUri" || kind == "ViewAction":
				why := "not http, https or mailto"
				if link == "" {
					why = "empty"
				}
				c.lost(action, "the button %q is left out: its address is %s", c.title(action), why)
				c.losses[len(c.losses)-1].button = true
			case kind == "ActionCard":
				c.lost(action, "the form behind the button %q (ActionCard) cannot be carried over: Teams sends forms to bots only", c.title(action))
				if inner := t.member(action, "actions"); inner != 0 {
					walk(inner)
				}
			case kind == "":
			default:
				c.lost(action, "the button %q (%s) cannot be carried over: a card in Teams opens pages and calls nobody", c.title(action), kind)
			}
		}
	}
	walk(actions)
	return made
}

// title is a button's name.
func (c *converter) title(action int) string {
	name := c.tree.member(action, "name")
	if name == 0 || c.tree.nodes[name].kind != '"' {
		return ""
	}
	return unescapeMarkdown(unquote(c.tree.nodes[name].raw))
}

// link is the page that a button opens: the target for all systems, else the
// first. "" when it opens none.
func (c *converter) link(action int) string {
	t := c.tree
	if kind := t.text(t.member(action, "@type")); kind != "OpenUri" && kind != "ViewAction" {
		return ""
	}
	first := ""
	for _, name := range []string{"targets", "target"} {
		at := t.member(action, name)
		if at == 0 {
			continue
		}
		if t.nodes[at].kind == '"' {
			return t.text(at)
		}
		for target := range t.children(at) {
			link := t.text(target)
			if uri := t.member(target, "uri"); t.nodes[target].kind == '{' && uri != 0 {
				link = t.text(uri)
				if system := t.member(target, "os"); system != 0 && t.text(system) == "default" {
					return link
				}
			}
			if first == "" {
				first = link
			}
		}
	}
	return first
}

// isMarkdown reports whether the texts of a section, or of the card, are
// Markdown: they are unless they say no.
func (c *converter) isMarkdown(at int) bool {
	says := c.tree.member(at, "markdown")
	return says == 0 || string(c.tree.nodes[says].raw) != "false"
}

// words is a text of a MessageCard as a TextBlock shows it: "" when there is
// none.
func (c *converter) words(object int, name string, isMarkdown bool) string {
	at := c.tree.member(object, name)
	if at == 0 {
		return ""
	}
	n := &c.tree.nodes[at]
	switch {
	case n.kind == '0' && string(n.raw) != "null":
		return string(n.raw)
	case n.kind != '"':
		return ""
	}
	text := unquote(n.raw)
	if n.how == markdown && isMarkdown {
		return strings.TrimSpace(readable(text))
	}
	if n.how == markdown {
		text = unescapeMarkdown(strings.ReplaceAll(text, "&lt;", "<"))
	}
	return strings.TrimSpace(escapeMarkdown(text))
}

// block adds a text, if there is one.
func (c *converter) block(items int, text string) int {
	if text == "" {
		return 0
	}
	block := c.tree.element(items, "TextBlock")
	c.tree.setText(block, "text", text)
	c.tree.literal(block, "wrap", "true")
	return block
}

// themeStyle is the container style that comes nearest to a colour such as
// "#D70000": Teams has no colours of one's own. "" for none.
func themeStyle(color string) string {
	color = strings.TrimPrefix(strings.TrimSpace(color), "#")
	if len(color) == 3 {
		color = string([]byte{color[0], color[0], color[1], color[1], color[2], color[2]})
	}
	rgb, err := strconv.ParseUint(color, 16, 32)
	if err != nil || len(color) != 6 {
		return ""
	}
	r, g, b := int(rgb>>16), int(rgb>>8&255), int(rgb&255)
	high, low := max(r, g, b), min(r, g, b)
	if high-low < 40 {
		return "emphasis" // a grey
	}
	switch hue := hueOf(r, g, b); {
	case hue < 20 || hue >= 315:
		return "attention"
	case hue < 65:
		return "warning"
	case hue < 170:
		return "good"
	}
	return "accent"
}

// hueOf is where a colour stands on the wheel, in degrees: red 0, green 120,
// blue 240.
func hueOf(r, g, b int) int {
	high, low := max(r, g, b), min(r, g, b)
	spread := high - low
	var hue int
	switch high {
	case r:
		hue = 60 * (g - b) / spread
	case g:
		hue = 120 + 60*(b-r)/spread
	default:
		hue = 240 + 60*(r-g)/spread
	}
	return (hue + 360) % 360
}
