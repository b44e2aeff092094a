package cardview

import "strings"

// actions writes buttons beside each other.
func (w *writer) actions(all []any, depth int) {
	if len(all) == 0 {
		return
	}
	w.open("cv-actions")
	for _, a := range all {
		w.action(object(a), depth)
	}
	w.close()
}

// action writes a button: one that opens a page does, one with a card unfolds
// it, and all others can only be pressed in Teams.
func (w *writer) action(a map[string]any, depth int) {
	if !w.more(depth) {
		return
	}
	title := word(a, "title")
	if title == "" {
		title = "…"
	}
	switch word(a, "type") {
	case "Action.OpenUrl":
		if leads(word(a, "url")) {
			w.raw(`<a class="cv-button" rel="noopener noreferrer" href="`)
			w.text(word(a, "url"))
			w.raw(`">`)
			w.text(title)
			w.raw("</a>")
			return
		}
		w.disabled(title)
	case "Action.ShowCard":
		w.raw(`<details class="cv-show"><summary>`)
		w.text(title)
		w.raw("</summary>")
		w.card(object(a["card"]), depth)
		w.raw("</details>")
	case "Action.ToggleVisibility":
		// What it shows can be unfolded where it stands.
		w.disabled(title)
	case "Action.Submit", "Action.Execute", "Action.ResetInputs", "Action.Popover":
		w.disabled(title)
	default:
		w.stranger(a, "An action", depth)
	}
}

func (w *writer) disabled(title string) {
	w.raw(`<button type="button" disabled>`)
	w.text(title)
	w.raw("</button>")
}

// label begins what stands around an input.
func (w *writer) label(e map[string]any) {
	w.raw("<label>")
	if text := word(e, "label"); text != "" {
		w.text(text)
	} else {
		w.text("Input")
	}
}

// input writes an input in which something is typed.
func (w *writer) input(e map[string]any) {
	w.label(e)
	value := word(e, "value")
	if value == "" {
		value = word(e, "placeholder")
	}
	if is(e, "isMultiline", false) {
		w.raw(`<textarea disabled rows="2">`)
		w.text(value)
		w.raw("</textarea></label>")
		return
	}
	w.raw(`<input disabled value="`)
	w.text(value)
	w.raw(`"></label>`)
}

func (w *writer) toggle(e map[string]any) {
	w.raw(`<label><input type="checkbox" disabled`)
	on := word(e, "valueOn")
	if on == "" {
		on = "true"
	}
	if strings.EqualFold(word(e, "value"), on) {
		w.raw(" checked")
	}
	w.raw(">")
	w.text(word(e, "title"))
	w.raw("</label>")
}

func (w *writer) choices(e map[string]any, depth int) {
	w.label(e)
	w.raw("<select disabled>")
	for _, c := range list(e["choices"]) {
		if !w.more(depth) {
			break
		}
		choice := object(c)
		w.raw("<option")
		if word(choice, "value") == word(e, "value") {
			w.raw(" selected")
		}
		w.raw(">")
		w.text(word(choice, "title"))
		w.raw("</option>")
	}
	w.raw("</select></label>")
}
