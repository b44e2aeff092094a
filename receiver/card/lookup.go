package card

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// variableFuncs are the functions that read the data of the running render.
func (r *render) variableFuncs() template.FuncMap {
	funcs := template.FuncMap{
		"field": r.field,
		"event": func(at string) (any, error) {
			p, err := readPath(at)
			if err != nil {
				return nil, fmt.Errorf("event: %w", err)
			}
			return p.in(r.data.Event()), nil
		},
	}
	for name := range variables {
		funcs[name] = func() any { return r.variable(name) }
	}
	return funcs
}

// field is the text of a variable, or of what stands in the event, in an
// annotation or in a label under another name. "" when nothing is known, so
// that a template leaves the line out: Butler's "-" is nothing too.
func (r *render) field(name string) string {
	value := r.variable(name)
	if value, ok := value.(details); ok && value.nothing() {
		return ""
	}
	if words := textOf(value); words != unknown {
		return words
	}
	return ""
}

// variable is the value of a variable in its shape.
func (r *render) variable(name string) any {
	v, known := variables[name]
	if !known {
		p, err := readPath(name)
		if err != nil {
			return ""
		}
		v = variable{also: []path{p}, tags: []string{name}}
	}
	if v.special != nil {
		return v.special(r)
	}
	return v.shape.of(r.find(v.also, v.tags))
}

// find looks for a value in the event, then in the annotations, labels and
// values of the alert. nil when it is nowhere.
func (r *render) find(also []path, tags []string) any {
	event := r.data.Event()
	for _, p := range also {
		if value := p.in(event); !isNothing(value) {
			return value
		}
	}
	a := r.data.Alert
	if a == nil {
		return nil
	}
	for _, set := range []map[string]string{a.Annotations, a.Labels} {
		for _, tag := range tags {
			if value := set[tag]; !isNothing(value) {
				return value
			}
		}
	}
	for _, tag := range tags {
		if value, ok := a.Values[tag]; ok {
			return value
		}
	}
	return nil
}

// unknown is what Butler writes where it does not know a time.
const unknown = "-"

// isNothing reports whether a source says with a value that it has none.
// "undefined" is what JavaScript makes of nothing in a text.
func isNothing(value any) bool { return value == nil || value == "" || value == "undefined" }

// of makes what was found, or nothing, a value of this shape.
func (s shape) of(value any) any {
	words, isText := value.(string)
	switch s {
	case asObject, asList:
		if isText && words != "" && (words[0] == '{' || words[0] == '[') {
			_ = json.Unmarshal([]byte(words), &value) // fields of InfluxDB hold objects as text
		}
	case asLog:
		if isText {
			return unescapeLog(words)
		}
	}
	switch value := value.(type) {
	case map[string]any:
		if s != asList {
			return details(value)
		}
		return entries{details(value)}
	case []any:
		made := make(entries, len(value))
		for i, element := range value {
			made[i] = asText.of(element)
		}
		if s != asObject {
			return made
		}
	case nil:
	case string:
		if strings.HasPrefix(value, "1753-01-01") { // Qlik's way to say never
			value = unknown
		}
		if s == asList {
			return entries{value}
		}
		if s != asObject {
			return value
		}
	default:
		if s == asText {
			return value
		}
	}
	switch s {
	case asObject:
		return details{}
	case asList:
		return entries{}
	}
	return ""
}

// numberText is a number as people write it, where Go would write 1.234567e+06.
func numberText(n float64) string {
	if size := math.Abs(n); size >= 1e15 || size < 1e-6 && size > 0 {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// String is an object of Butler's in words.
func (d details) String() string {
	word := func(name string) string { return textOf(asText.of(d[name])) }
	if _, ok := d["hours"]; ok {
		return durationWords(d.duration())
	}
	for _, name := range []string{"startTimeLocal1", "stopTimeLocal1", "startTimeUTC", "stopTimeUTC", "linkText"} {
		if _, ok := d[name]; ok {
			return word(name)
		}
	}
	switch {
	case d["message"] != nil:
		return strings.TrimSpace(word("timestampUTC") + " " + word("message"))
	case d["name"] != nil:
		return strings.TrimSuffix(word("name")+"="+word("value"), "=")
	case len(d) == 0:
		return ""
	}
	made, err := json.Marshal(d)
	if err != nil {
		return ""
	}
	return string(made)
}

// nothing reports whether an object holds no news: Butler writes one of
// dashes, and a duration of zeros, where Qlik gave no time.
func (d details) nothing() bool {
	_, duration := d["hours"]
	return len(d) == 0 || duration && d.duration() == 0
}

func (d details) duration() time.Duration {
	number := func(name string) time.Duration {
		n, _ := strconv.ParseFloat(textOf(d[name]), 64)
		return time.Duration(n)
	}
	return number("hours")*time.Hour + number("minutes")*time.Minute + number("seconds")*time.Second
}

// String is a list in words.
func (e entries) String() string {
	words := make([]string, len(e))
	for i, element := range e {
		words[i] = textOf(element)
	}
	return strings.Join(words, ", ")
}

// unescapeLog takes back what Butler does to the parts of a script log so that
// they can stand in its templates' JSON: two characters for a line break and a
// tab, other backslashes doubled. Text with real line breaks did not go
// through that.
func unescapeLog(log string) string {
	if strings.ContainsAny(log, "\n\t") {
		return strings.ReplaceAll(log, "\r", "")
	}
	return unescaping.Replace(log)
}

var unescaping = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t")

func errorMessage(r *render) any {
	for _, name := range []string{"errorMessage", "error_message", "data.errorMessage"} {
		if words := textOf(r.find(paths(name), []string{name})); words != "" {
			return words
		}
	}
	if errors, ok := r.find(paths("data.errors"), nil).([]any); ok && len(errors) > 0 { // Qlik Cloud's: texts, or objects with one
		words := make([]string, len(errors))
		for i, e := range errors {
			words[i] = textOf(asText.of(e))
		}
		return strings.Join(words, "\n")
	}
	for _, name := range []string{"logMessage", "executionDetailsConcatenated", "executionDetails", "message", "errorCode", "description"} {
		if words := r.field(name); words != "" {
			return words
		}
	}
	return ""
}

// logMessage is a line of a log file as it is, but of Qlik Cloud the whole
// log of a reload, escaped.
func logMessage(r *render) any {
	value := r.find(paths("logMessage", "log_message"), []string{"logMessage", "log_message"})
	if words, ok := value.(string); ok && !isNothing(path{{name: "reloadId"}}.in(r.data.Event())) {
		return unescapeLog(words)
	}
	return asText.of(value)
}

// timestamp is when it happened, as the log says, or when the alert began.
func timestamp(r *render) any {
	if value := asText.of(r.find(paths("timestamp"), []string{"timestamp"})); value != "" {
		return value
	}
	for _, name := range []string{"logTimeStamp", "executionStopTime.stopTimeLocal1", "eventTime", "time"} {
		if words := r.field(name); words != "" {
			return words
		}
	}
	if r.data.Alert == nil || r.data.Alert.StartsAt.IsZero() {
		return ""
	}
	return r.wall.timeZone(r.data.Alert.StartsAt)
}

// severityWord is the severity that routes know, else what the source said.
func severityWord(r *render) any {
	if a := r.data.Alert; a != nil && a.Labels["severity"] != "" {
		return a.Labels["severity"]
	}
	return asText.of(r.find(paths("severity"), []string{"severity"}))
}

// nextExecution is "Never" where Qlik says it with a date.
func nextExecution(r *render) any {
	value := asText.of(r.find(paths("taskNextExecution"), []string{"taskNextExecution", "task_next_execution"}))
	if value == unknown {
		return "Never"
	}
	return value
}

// scriptLog is what is known of a reload's script log.
func scriptLog(r *render) any {
	for _, name := range []string{"scriptLog", "reload_log"} {
		if words, ok := r.find(paths(name), []string{name}).(string); ok {
			return unescapeLog(words)
		}
	}
	return joinLog(r.field("scriptLogHead"), r.field("scriptLogTail"))
}

// joinLog joins the first and the last lines of a log. Lines that both have,
// because the log is short, stand there once.
func joinLog(head, tail string) string {
	if head == "" || tail == "" {
		return head + tail
	}
	first, last := strings.Split(head, "\n"), strings.Split(tail, "\n")
	for n := min(len(first), len(last)); n > 0; n-- {
		if slices.Equal(first[len(first)-n:], last[:n]) {
			return strings.Join(append(first, last[n:]...), "\n")
		}
	}
	return head + "\n…\n" + tail
}

// executionDuration is an object, or the seconds that Butler writes to
// InfluxDB as one.
func executionDuration(r *render) any {
	found := asObject.of(r.find(paths("executionDuration"), []string{"executionDuration", "task_executionDuration_json"})).(details)
	if len(found) > 0 {
		return found
	}
	seconds, err := strconv.ParseFloat(textOf(r.find(nil, []string{"task_executionDuration_sec"})), 64)
	if err != nil { // Qlik Cloud's are milliseconds
		seconds, err = strconv.ParseFloat(textOf(r.find(paths("data.duration"), nil)), 64)
		seconds /= 1000
	}
	if err != nil || seconds < 0 || seconds > 1e9 {
		return found
	}
	whole := int64(seconds)
	return details{"hours": whole / 3600, "minutes": whole / 60 % 60, "seconds": whole % 60}
}

// executionTime is an object, or the time that Qlik Cloud gives as one.
func executionTime(which, path string) func(*render) any {
	name := map[string]string{"start": "executionStartTime", "stop": "executionStopTime"}[which]
	return func(r *render) any {
		v := variables[name]
		found := asObject.of(r.find(v.also, v.tags)).(details)
		at, err := time.Parse(time.RFC3339, textOf(r.find(paths(path), nil)))
		if len(found) > 0 || err != nil {
			return found
		}
		return details{
			which + "TimeUTC":    at.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
			which + "TimeLocal1": at.In(r.wall.location).Format(time.DateTime),
		}
	}
}

// reloadID is Qlik Cloud's id of a reload. In the event that tells what became
// of it, it is the id of the data.
func reloadID(r *render) any {
	v := variables["reloadId"]
	found := asText.of(r.find(v.also, v.tags))
	if found == "" && strings.HasSuffix(r.field("eventType"), ".reload.finished") {
		return asText.of(r.find(paths("data.id"), nil))
	}
	return found
}

// executionID is the id of the run of a task; in Qlik Cloud, of the reload.
func executionID(r *render) any {
	v := variables["executionId"]
	if found := asText.of(r.find(v.also, v.tags)); found != "" {
		return found
	}
	return reloadID(r)
}

// qlikCloudHost is the host of a tenant in Qlik Cloud, as its events name it.
var qlikCloudHost = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*\.qlikcloud\.com$`)

func tenantURL(r *render) any {
	v := variables["tenantUrl"]
	found := textOf(r.find(v.also, v.tags))
	if host := textOf(r.find(paths("host"), nil)); found == "" && qlikCloudHost.MatchString(host) {
		return "https://" + host
	}
	return found
}

func appURL(r *render) any {
	v := variables["appUrl"]
	if found := textOf(r.find(v.also, v.tags)); found != "" {
		return found
	}
	tenant, app := textOf(tenantURL(r)), r.field("appId")
	if tenant == "" || app == "" {
		return ""
	}
	return strings.TrimSuffix(tenant, "/") + "/sense/app/" + app
}

// consoleURL is where Qlik Sense is managed, hubURL where apps are opened; both
// are known of a tenant whose URL is.
func consoleURL(name string) func(*render) any {
	return func(r *render) any {
		v := variables[name]
		found, tenant := textOf(r.find(v.also, v.tags)), textOf(tenantURL(r))
		if found == "" && tenant != "" {
			return strings.TrimSuffix(tenant, "/") + "/console"
		}
		return found
	}
}

func hubURL(r *render) any {
	v := variables["qlikSenseHub"]
	if found := textOf(r.find(v.also, v.tags)); found != "" {
		return found
	}
	return tenantURL(r)
}

// tagsOf finds the tags of an app or a task: a list in an event; in InfluxDB
// each is a tag of its own, whose name begins with prefix.
func tagsOf(name, prefix string) func(*render) any {
	return func(r *render) any {
		v := variables[name]
		found := asList.of(r.find(v.also, v.tags)).(entries)
		if len(found) > 0 || r.data.Alert == nil {
			return found
		}
		for _, label := range slices.Sorted(maps.Keys(r.data.Alert.Labels)) {
			if tag, ok := strings.CutPrefix(label, prefix); ok && tag != "" {
				found = append(found, tag)
			}
		}
		return found
	}
}
