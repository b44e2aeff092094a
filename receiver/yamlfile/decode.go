package yamlfile

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

// yaml.v3 can decode strictly, but it stops at the first unknown key of a
// mapping and gives no lines for what is checked later. So values are put into
// Go's types here: every mistake is reported, with its line, and decoding goes
// on behind it.

// textUnmarshaler is how the types of Alertmanager and Prometheus read YAML.
type textUnmarshaler interface {
	UnmarshalYAML(unmarshal func(any) error) error
}

// errReported stands for problems that are reported already.
var errReported = errors.New("reported")

// decode puts a node into v.
func (d *Document) decode(node *yaml.Node, v reflect.Value, at string, depth int) {
	if !d.count(1, depth, node) {
		return
	}
	if node.Kind == yaml.AliasNode {
		d.decode(node.Alias, v, at, depth+1)
		return
	}
	if isNull(node) {
		return // as if it was not there
	}
	if v.Kind() == reflect.Pointer {
		to := reflect.New(v.Type().Elem())
		d.decode(node, to.Elem(), at, depth+1)
		if !d.unread[at] { // else it stays unset, and the default holds
			v.Set(to)
		}
		return
	}
	if u, ok := v.Addr().Interface().(textUnmarshaler); ok {
		d.unmarshal(u, node, at, depth)
		return
	}
	switch v.Type() {
	case reflect.TypeFor[time.Duration]():
		d.duration(node, v, at)
		return
	case reflect.TypeFor[WordOrList]():
		d.wordOrList(node, v, at, depth)
		return
	}
	switch v.Kind() {
	case reflect.String:
		if text, ok := d.text(node, at, "text"); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if text, ok := d.text(node, at, "true or false"); ok {
			if text != "true" && text != "false" {
				d.Broken(at, "this must be true or false", "write true or false, without quotes")
			}
			v.SetBool(text == "true")
		}
	case reflect.Int:
		if text, ok := d.text(node, at, "a whole number"); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				d.Broken(at, Quote(text)+" is not a whole number", "write one such as 1000")
			}
			v.SetInt(int64(n))
		}
	case reflect.Slice:
		d.list(node, v, at, depth)
	case reflect.Map:
		d.mapping(node, v, at, depth)
	case reflect.Struct:
		d.structure(node, v, at, depth)
	default:
		panic("yamlfile: no way to read a " + v.Type().String())
	}
}

// count says whether n more values, this deep, are within the limits, and
// reports it once if they are not.
func (d *Document) count(n, depth int, node *yaml.Node) bool {
	d.nodes += n
	if d.nodes <= maxNodes && depth <= maxDepth {
		return true
	}
	if !d.unread[""] {
		d.Report(node.Line, "there is too much in this file", "look for an alias (*name) that contains itself")
		d.mark("")
	}
	return false
}

// unmarshal lets a type read itself; what it asks for is decoded as strictly
// as everything else.
func (d *Document) unmarshal(u textUnmarshaler, node *yaml.Node, at string, depth int) {
	err := u.UnmarshalYAML(func(out any) error {
		before := len(d.Problems)
		d.decode(node, reflect.ValueOf(out).Elem(), at, depth+1)
		if len(d.Problems) > before {
			return errReported
		}
		return nil
	})
	if err != nil && !errors.Is(err, errReported) {
		d.Broken(at, OneLine(err.Error()), "correct it as in Alertmanager's and Prometheus' documentation")
	}
}

// text is a scalar with its ${NAME}s replaced.
func (d *Document) text(node *yaml.Node, at, want string) (string, bool) {
	if node.Kind != yaml.ScalarNode {
		do := "write " + want + " here"
		if node.Style&yaml.FlowStyle != 0 { // a template such as {{ $labels.host }}
			do += ", in quotes if it begins with { or ["
		}
		d.Broken(at, "this must be "+want+" and is "+kind(node), do)
		return "", false
	}
	return d.expand(node.Value, at)
}

var reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand replaces ${NAME} by the environment's variable, and nothing else: a
// $ alone is a regular expression's or a template's.
func (d *Document) expand(text, at string) (string, bool) {
	if d.words.Lookup == nil {
		return text, true
	}
	ok := true
	text = reference.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		value, defined := d.words.Lookup(name)
		if !defined {
			ok = false
			d.Broken(at, "the environment has no variable "+name, "set "+name+" where teamsrelay is started, or write the value in a file and name it")
		}
		return value
	})
	return text, ok
}

func (d *Document) duration(node *yaml.Node, v reflect.Value, at string) {
	text, ok := d.text(node, at, "a time")
	if !ok {
		return
	}
	parsed, err := model.ParseDuration(text)
	if err != nil {
		d.Broken(at, Quote(text)+" is not a time", "write a number and a unit, such as 30s, 5m, 1h30m or 30d")
		return
	}
	v.SetInt(int64(parsed))
}

// WordOrList is a value that is one word or a list: members, or
// [alice@contoso.com, bob@contoso.com].
type WordOrList struct {
	Word string
	List []string // nil if it is a word; empty if it is a list of nothing
}

func (d *Document) wordOrList(node *yaml.Node, v reflect.Value, at string, depth int) {
	if node.Kind == yaml.SequenceNode {
		d.list(node, v.FieldByName("List"), at, depth)
		return
	}
	if text, ok := d.text(node, at, "a word or a list"); ok {
		v.FieldByName("Word").SetString(text)
	}
}

func (d *Document) list(node *yaml.Node, v reflect.Value, at string, depth int) {
	if node.Kind == yaml.MappingNode && d.words.Single[v.Type()] {
		node = &yaml.Node{Kind: yaml.SequenceNode, Line: node.Line, Content: []*yaml.Node{node}}
	}
	if node.Kind != yaml.SequenceNode {
		d.Broken(at, "this must be a list and is "+kind(node), "put it into [ ], or each item on a line of its own after a -")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		place := fmt.Sprintf("%s[%d]", at, i)
		d.lines[place] = item.Line
		d.decode(item, v.Index(i), place, depth+1)
	}
}

// mapping decodes names that the user chooses.
func (d *Document) mapping(node *yaml.Node, v reflect.Value, at string, depth int) {
	entries, ok := d.entries(node, at, depth)
	if !ok {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(entries)))
	for _, e := range entries {
		place := below(at, e.key.Value)
		d.lines[place] = e.key.Line
		if other, ok := d.words.Elsewhere[v.Type()][e.key.Value]; ok && e.value.Kind != yaml.ScalarNode {
			d.Broken(place, "there is no key "+keyName(e.key.Value)+" here", "did you mean "+other+"?")
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(e.value, item, place, depth+1)
		v.SetMapIndex(reflect.ValueOf(e.key.Value), item)
	}
}

// structure decodes names that we choose.
func (d *Document) structure(node *yaml.Node, v reflect.Value, at string, depth int) {
	if instead := d.words.Instead[v.Type()]; instead != nil && node.Kind == yaml.ScalarNode {
		if do := instead(node.Value); do != "" {
			d.Broken(at, "this must be a mapping and is text", do)
			return
		}
	}
	fields := fieldsOf(v)
	if key := d.words.Alone[v.Type()]; key != "" && node.Kind == yaml.ScalarNode {
		place := below(at, key)
		d.lines[place] = node.Line
		d.decode(node, fields[key], place, depth+1)
		return
	}
	if node.Kind == yaml.ScalarNode {
		d.Broken(at, "this must be a mapping and is text", "write key: value with one of "+
			strings.Join(slices.Sorted(maps.Keys(fields)), ", ")+", each on a line of its own, further to the right")
		return
	}
	entries, ok := d.entries(node, at, depth)
	if !ok {
		return
	}
	for _, e := range entries {
		key := e.key.Value
		place := below(at, key)
		d.lines[place] = e.key.Line
		if field, ok := fields[key]; ok {
			d.decode(e.value, field, place, depth+1)
			continue
		}
		near := d.unknown(v.Type(), e, place, fields)
		if near != "" && !slices.ContainsFunc(entries, func(e entry) bool { return e.key.Value == near }) {
			// Read on as if it was written rightly, so that nothing else
			// looks wrong because of it.
			place = below(at, near)
			d.lines[place] = e.key.Line
			d.decode(e.value, fields[near], place, depth+1)
		}
	}
}

// fieldsOf lists the fields of a struct by their name in the file.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// entry is a key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries lists what a mapping says, reports keys that are there twice, and
// takes in what << merges.
func (d *Document) entries(node *yaml.Node, at string, depth int) ([]entry, bool) {
	if node.Kind != yaml.MappingNode {
		d.Broken(at, "this must be a mapping and is "+kind(node), "write key: value, each on a line of its own, further to the right")
		return nil, false
	}
	if !d.count(len(node.Content), depth, node) {
		return nil, false
	}
	var own, merged []entry
	first := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.Report(key.Line, "this key must be text and is "+kind(key), "write key: value; quote what begins with { or [")
			continue
		}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, d.merge(value, at, depth+1)...)
			continue
		}
		if line, twice := first[key.Value]; twice {
			d.mark(below(at, key.Value))
			d.Report(key.Line, fmt.Sprintf("the key %s is here a second time (first on line %d)", keyName(key.Value), line), "remove one of the two")
			continue
		}
		first[key.Value] = key.Line
		own = append(own, entry{key, value})
	}
	for _, e := range merged {
		if _, ok := first[e.key.Value]; !ok {
			first[e.key.Value] = e.key.Line
			own = append(own, e)
		}
	}
	return own, true
}

// merge is what << brings: a mapping, or several of which the first counts.
func (d *Document) merge(value *yaml.Node, at string, depth int) []entry {
	if !d.count(1, depth, value) {
		return nil
	}
	switch value.Kind {
	case yaml.AliasNode:
		return d.merge(value.Alias, at, depth+1)
	case yaml.SequenceNode:
		var all []entry
		for _, item := range value.Content {
			all = append(all, d.merge(item, at, depth+1)...)
		}
		return all
	}
	entries, _ := d.entries(value, at, depth+1)
	return entries
}

// unknown reports a key that does not exist, or not yet, and returns the one
// that was probably meant.
func (d *Document) unknown(t reflect.Type, e entry, at string, fields map[string]reflect.Value) (near string) {
	key := e.key.Value
	if slices.Contains(d.words.Later[t], key) {
		if !isEmpty(e.value) {
			d.Broken(at, key+" is not available in this version yet", "remove it; the CHANGELOG names the version that brings it")
		}
		return ""
	}
	names := slices.Sorted(maps.Keys(fields))
	near = Nearest(key, names)
	do := "use one of " + strings.Join(names, ", ")
	if other, ok := d.words.Elsewhere[t][key]; ok {
		near, do = "", "did you mean "+other+"?"
		field, _, _ := strings.Cut(other, ":")
		d.mark(below(above(at), field))
	} else if near != "" {
		do = "did you mean " + near + "?"
	}
	d.Broken(at, "there is no key "+keyName(key)+" here", do)
	return near
}

func isEmpty(node *yaml.Node) bool {
	return isNull(node) || node.Kind != yaml.ScalarNode && node.Kind != yaml.AliasNode && len(node.Content) == 0
}

// kind says what a node is, for people. It never says what is in it: that may
// be a secret in the wrong place.
func kind(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return kind(node.Alias)
	}
	return "text"
}
