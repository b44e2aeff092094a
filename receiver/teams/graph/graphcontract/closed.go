package graphcontract

import (
	"maps"
	"slices"
	"strings"
)

// tighten makes JSON Schema of OpenAPI 3.0's dialect, in place: what may be null
// says so by its type, and objects have no fields but those that are named. In
// the file they are open, so that a misspelled field would pass.
func tighten(doc map[string]any) {
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	names := slices.Collect(maps.Keys(schemas))
	for _, name := range names {
		// Others build on it by allOf, so the schema itself stays open.
		schemas["open."+name] = schemas[name]
	}
	for _, name := range names {
		closed := map[string]any{"$ref": components + "open." + name}
		if object(schemas["open."+name].(map[string]any)) && !cut(schemas, "open."+name) {
			shut(closed)
		}
		schemas[name] = closed
	}
	for _, name := range names {
		adapt(schemas["open."+name], true)
	}
	adapt(doc["paths"], false)
}

// object tells whether a schema is one of objects.
func object(s map[string]any) bool {
	_, all := s["allOf"]
	return all || s["type"] == "object"
}

// cut tells whether a schema or one that it builds on was cut short.
func cut(schemas map[string]any, name string) bool {
	s := schemas[name].(map[string]any)
	if s["x-truncated"] == true {
		return true
	}
	parts, _ := s["allOf"].([]any)
	for _, part := range parts {
		if ref, ok := part.(map[string]any)["$ref"].(string); ok && cut(schemas, "open."+strings.TrimPrefix(strings.TrimPrefix(ref, components), "open.")) {
			return true
		}
	}
	return false
}

// shut lets an object have no other fields than those that are named. Graph's
// annotations may stand everywhere.
func shut(s map[string]any) {
	s["patternProperties"] = map[string]any{`^@(odata|microsoft\.graph)\.`: true, `^[A-Za-z]+@odata\.`: true}
	s["unevaluatedProperties"] = false
}

// adapt changes a schema, or what holds some. defined: it is one of the
// components itself.
func adapt(node any, defined bool) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			adapt(n, false)
		}
	case map[string]any:
		parts, _ := node["allOf"].([]any)
		for _, part := range parts {
			part := part.(map[string]any)
			if ref, ok := part["$ref"].(string); ok {
				if !strings.HasPrefix(ref, components+"open.") {
					part["$ref"] = components + "open." + strings.TrimPrefix(ref, components)
				}
				continue
			}
			adaptFields(part)
		}
		if node["nullable"] == true {
			if kind, ok := node["type"].(string); ok {
				node["type"] = []any{kind, "null"}
			}
		}
		_, fields := node["properties"]
		_, more := node["additionalProperties"]
		if node["type"] == "object" && fields && !more && !defined {
			shut(node)
		}
		for key, n := range node {
			if key != "allOf" && key != "example" && key != "patternProperties" {
				adapt(n, false)
			}
		}
	}
}

// adaptFields adapts the fields of a part of an allOf, which stays open.
func adaptFields(part map[string]any) {
	fields, _ := part["properties"].(map[string]any)
	for _, f := range fields {
		adapt(f, false)
	}
}
