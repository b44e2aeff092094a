package teamstest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxTop is how many entries of a page can be asked for.
const maxTop = 999

// entity of Graph: what is told of a thing, by property.
type properties = map[string]any

// selected keeps the properties that $select names; without it, those that
// Graph tells by default.
func (c *call) selected(all properties, byDefault ...string) properties {
	wanted := byDefault
	if text := c.query.Get("$select"); text != "" {
		wanted = strings.Split(text, ",")
	}
	if wanted == nil {
		return all
	}
	kept := properties{}
	for _, name := range wanted {
		name = strings.TrimSpace(name)
		if value, there := all[name]; there {
			kept[name] = value
		}
	}
	if kind, there := all["@odata.type"]; there {
		kept["@odata.type"] = kind
	}
	return kept
}

// expands tells whether $expand names a relation.
func (c *call) expands(relation string) bool {
	depth, from := 0, 0
	text := c.query.Get("$expand") + ","
	for i, r := range text {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			name, _, _ := strings.Cut(strings.TrimSpace(text[from:i]), "(")
			if strings.EqualFold(name, relation) {
				return true
			}
			from = i + 1
		}
	}
	return false
}

// page answers with a part of a list. The link to the next one is absolute and
// opaque to the client; it is the address by which the client came.
func (c *call) page(s *Server, of string, entries []properties) graphAnswer {
	size := s.graph.Page
	if text := c.query.Get("$top"); text != "" {
		top, err := strconv.Atoi(text)
		if err != nil || top < 1 || top > maxTop {
			return c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", text, maxTop))
		}
		size = top
	}
	from := 0
	if token := c.query.Get("$skiptoken"); token != "" {
		at, err := strconv.Atoi(strings.TrimPrefix(token, "simulated~"))
		if err != nil || at < 0 || at > len(entries) {
			return c.fail(http.StatusBadRequest, "BadRequest", "Invalid $skiptoken.")
		}
		from = at
	}
	part := entries[from:min(from+size, len(entries))]
	body := properties{"@odata.context": c.context(of), "value": append([]properties{}, part...)}
	if c.query.Get("$count") == "true" {
		body["@odata.count"] = len(entries)
	}
	if next := from + size; next < len(entries) {
		query := url.Values{}
		for name, values := range c.query {
			query[name] = values
		}
		query.Set("$skiptoken", "simulated~"+strconv.Itoa(next))
		body["@odata.nextLink"] = c.base + graphVersion + c.path + "?" + query.Encode()
	}
	return graphAnswer{status: http.StatusOK, body: body}
}

// filter is what $filter says: terms of which all, or one, must hold.
type filter struct {
	terms []term
	any   bool
}

// term compares a property with a text.
type term struct{ property, value string }

// holds tells whether something passes. Graph compares without regard to case.
func (f filter) holds(values func(property string) []string) bool {
	passes := func(t term) bool {
		return slices.ContainsFunc(values(t.property), func(v string) bool { return strings.EqualFold(v, t.value) })
	}
	if len(f.terms) == 0 {
		return true
	}
	if f.any {
		return slices.ContainsFunc(f.terms, passes)
	}
	return !slices.ContainsFunc(f.terms, func(t term) bool { return !passes(t) })
}

// filter reads $filter: comparisons by eq of one of the properties, with "and"
// or "or" between them, and any(x:x eq '…') of lists. What else OData can say
// is refused, so that nobody relies on it here.
func (c *call) filter(known ...string) (filter, graphAnswer, bool) {
	var f filter
	rest := strings.TrimSpace(c.query.Get("$filter"))
	for first := true; rest != ""; first = false {
		if !first {
			word, after, _ := strings.Cut(rest, " ")
			if word != "and" && word != "or" || len(f.terms) > 1 && f.any != (word == "or") {
				return f, c.badFilter(), false
			}
			f.any, rest = word == "or", strings.TrimSpace(after)
		}
		t, after, ok := readTerm(rest)
		if !ok || !slices.Contains(known, t.property) {
			return f, c.badFilter(), false
		}
		f.terms, rest = append(f.terms, t), strings.TrimSpace(after)
	}
	return f, graphAnswer{}, true
}

func (c *call) badFilter() graphAnswer {
	return c.fail(http.StatusBadRequest, "BadRequest", "Invalid filter clause: "+c.query.Get("$filter"))
}

// readTerm reads one comparison from the front of a text.
func readTerm(text string) (t term, rest string, ok bool) {
	property, after, found := strings.Cut(text, " eq '")
	if !found {
		return t, "", false
	}
	name, lambda, isList := strings.Cut(property, "/any(")
	if isList {
		variable, compared, _ := strings.Cut(lambda, ":")
		if strings.TrimSpace(variable) != strings.TrimSpace(compared) {
			return t, "", false
		}
		property = name
	}
	t.property = strings.TrimSpace(property)
	for {
		before, behind, closed := strings.Cut(after, "'")
		if !closed {
			return t, "", false
		}
		t.value += before
		if !strings.HasPrefix(behind, "'") {
			rest = behind
			break
		}
		t.value, after = t.value+"'", behind[1:]
	}
	if isList {
		rest, ok = strings.CutPrefix(strings.TrimSpace(rest), ")")
		return t, rest, ok
	}
	return t, rest, true
}
