package card

import "strings"

// tameActions are the actions that another program's card may have: those that
// reach nobody but the reader.
var tameActions = map[string]bool{"Action.OpenUrl": true, "Action.ShowCard": true, "Action.ToggleVisibility": true}

// tame takes out of another program's card what would act in our name, or ask
// people for what nobody would receive.
func (c *converter) tame(at int) {
	t := c.tree
	for child := range t.children(at) {
		n := &t.nodes[child]
		if n.kind != '{' && n.kind != '[' {
			continue
		}
		switch string(n.name) {
		case "refresh", "authentication":
			n.gone = true
			c.lost(child, "%q is left out: it works between a card and its own bot", n.name)
			continue
		}
		kind := ""
		if typ := t.member(child, "type"); n.kind == '{' && typ != 0 {
			kind = typeName(t.text(typ))
			if kind == "" {
				kind = t.text(typ)
			}
		}
		known := kind == "" || typeName(kind) != "" || t.member(child, "fallback") != 0
		switch {
		case strings.HasPrefix(kind, "Action.") && !tameActions[kind]:
			c.lost(child, "the button %q (%s) is left out: a card of another program opens pages and calls nobody", t.text(t.member(child, "title")), kind)
			n.gone = true
			continue
		case strings.HasPrefix(kind, "Input."), kind == "Component":
			c.lost(child, "%s is left out: nobody would get the answer", kind)
			n.gone = true
			continue
		case !known && string(n.name) != "fallback":
			c.lost(child, "%.40q is left out: Teams does not know it", kind)
			n.gone = true
			continue
		}
		c.tame(child)
		if inner := t.member(child, "card"); kind == "Action.ShowCard" && inner != 0 && c.isBare(inner) {
			n.gone = true // a form, of which nothing is left
		}
	}
}

// isBare reports whether a card shows nothing.
func (c *converter) isBare(card int) bool {
	for _, name := range []string{"body", "actions"} {
		if list := c.tree.member(card, name); list != 0 && c.tree.count(list) > 0 {
			return false
		}
	}
	return true
}

// stripMentions leaves of the card's properties for Teams only its width: a
// mention would call somebody in our name.
func (c *converter) stripMentions() {
	properties := c.tree.member(0, "msteams")
	if properties == 0 {
		return
	}
	for child := range c.tree.children(properties) {
		switch n := &c.tree.nodes[child]; string(n.name) {
		case "width":
			continue
		case "entities":
			c.lost(properties, "the mentions of people are left out: another program's card calls nobody")
			fallthrough
		default:
			n.gone = true
		}
	}
}
