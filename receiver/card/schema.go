package card

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// teamsSchemaJSON says what a card may be in Teams. It is made from the type
// declarations of npm @microsoft/teams.cards 2.0.16; see teams.schema.LICENSE.
//
//go:embed teams.schema.json
var teamsSchemaJSON []byte

// cardSchemaCheck is the full check, for check-config and tests. It costs
// milliseconds; what is sent goes through checker.
type cardSchemaCheck struct{ schema *jsonschema.Schema }

// teamsSchema compiles the schema, once.
var teamsSchema = sync.OnceValue(func() *cardSchemaCheck {
	var schema map[string]any
	if err := json.Unmarshal(teamsSchemaJSON, &schema); err != nil {
		panic(err) // it is part of the program
	}
	definitions := schema["definitions"].(map[string]any)
	for name, optional := range notRequired {
		definition := definitions[name].(map[string]any)
		definition["required"] = slices.DeleteFunc(definition["required"].([]any), func(v any) bool {
			return slices.Contains(optional, v.(string))
		})
	}
	for name, definition := range definitions {
		definitions[name] = loosen(definition, definitions)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("teams.json", schema); err != nil {
		panic(err)
	}
	return &cardSchemaCheck{compiler.MustCompile("teams.json")}
})

// notRequired are properties that the type declarations demand and that
// Microsoft's own samples leave out: the place says what a column is, and
// containers may be empty.
var notRequired = map[string][]string{
	"AdaptiveCard": {"body"}, "Container": {"items"}, "Column": {"type", "items"}, "TableRow": {"type"},
	"TableCell": {"type", "items"}, "TextRun": {"type"}, "ChoiceSetInput": {"choices"},
}

// loosen makes of the schema what Teams does: it ignores the case of words.
// And it makes it say more: where one of many elements may stand, the type
// decides which, so that a mistake is told once and not for every element that
// it could have been.
func loosen(v any, definitions map[string]any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = loosen(v[i], definitions)
		}
	case map[string]any:
		if words, ok := v["enum"].([]any); ok {
			return anyCase(words)
		}
		if word, ok := v["const"].(string); ok && word == "full" {
			return anyCase([]any{word})
		}
		if choices, ok := v["anyOf"].([]any); ok {
			return byType(choices, definitions)
		}
		for name := range v {
			v[name] = loosen(v[name], definitions)
		}
	}
	return v
}

func anyCase(words []any) map[string]any {
	var patterns []string
	for _, word := range words {
		text, ok := word.(string)
		if !ok {
			return map[string]any{"enum": words}
		}
		patterns = append(patterns, regexp.QuoteMeta(text))
	}
	return map[string]any{"type": "string", "pattern": "(?i)^(" + strings.Join(patterns, "|") + ")$"}
}

func byType(choices []any, definitions map[string]any) map[string]any {
	typed := map[string][]any{}
	others := []any{}
	for _, choice := range choices {
		if name := typeOf(choice, definitions); name != "" {
			typed[name] = append(typed[name], choice)
			continue
		}
		others = append(others, loosen(choice, definitions))
	}
	if len(typed) == 0 {
		return map[string]any{"anyOf": others}
	}
	names, cases := []any{}, []any{}
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		names = append(names, name)
		cases = append(cases, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"type": map[string]any{"const": name}}},
			"then": map[string]any{"anyOf": typed[name]},
		})
	}
	element := map[string]any{
		"properties": map[string]any{"type": map[string]any{"enum": names}},
		"allOf":      cases,
	}
	out := map[string]any{
		"if":   map[string]any{"type": "object", "required": []any{"type"}},
		"then": element,
	}
	if len(others) > 0 {
		out["else"] = map[string]any{"anyOf": others}
	} else {
		out["else"] = map[string]any{"type": "object", "required": []any{"type"}}
	}
	return out
}

// typeOf is the "type" of the definition that a $ref leads to.
func typeOf(choice any, definitions map[string]any) string {
	ref, _ := choice.(map[string]any)["$ref"].(string)
	definition, _ := definitions[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
	properties, _ := definition["properties"].(map[string]any)
	kind, _ := properties["type"].(map[string]any)
	name, _ := kind["const"].(string)
	return name
}

// faults are what is wrong with a card, one line each: the path of the
// property, and what is wrong with it.
func (c *cardSchemaCheck) faults(card []byte) []string {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(card))
	if err != nil {
		return []string{err.Error()}
	}
	err = c.schema.Validate(value)
	if err == nil {
		return nil
	}
	invalid, ok := err.(*jsonschema.ValidationError)
	if !ok {
		return []string{err.Error()}
	}
	printer := message.NewPrinter(language.English)
	var lines []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		if len(e.Causes) == 0 {
			lines = append(lines, fmt.Sprintf("%s: %s", pathOf(e.InstanceLocation), e.ErrorKind.LocalizedString(printer)))
		}
	}
	walk(invalid)
	slices.Sort(lines)
	return slices.Compact(lines)
}

// pathOf writes a place in a card as checker does: body[0].items[2].text.
func pathOf(location []string) string {
	var path strings.Builder
	for _, step := range location {
		if step != "" && strings.Trim(step, "0123456789") == "" {
			path.WriteString("[" + step + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(step)
	}
	return path.String()
}
