package card

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Butler reports on reloads and services of Qlik Sense, and its users' templates
// speak of them by Butler's names. Each of these names is a function of ours,
// so that {{ appName }} is the app's name wherever a source put it: in a body
// of Butler's or Qlik Cloud's, in an annotation, in a tag that Butler wrote to
// InfluxDB and that is a label by now.

// variable is one of Butler's variables.
type variable struct {
	shape shape
	// also is where else than under its own name the value may stand in an
	// event, in order.
	also []path
	// tags are other names of annotations, labels and values that hold it.
	tags    []string
	special func(*render) any // finds a value that has a meaning of its own
}

// shape is what the value of a variable is when it is not known: templates go
// into objects and through lists without asking.
type shape int

const (
	asText   shape = iota
	asLog          // text that Butler escaped (see unescapeLog)
	asObject       // details
	asList         // entries
)

// details is an object that can be printed: {{ executionDuration }}, and gone
// into: {{ executionDuration.hours }}.
type details map[string]any

// entries is a list that can be printed.
type entries []any

// variables are Butler's variables by their names: those of its templates and
// of its webhooks, and the nine names of design §6.
var variables = map[string]variable{
	// Where: Qlik Sense on Windows.
	"hostName":          {also: paths("host", "serviceHost"), tags: []string{"host", "host_name"}},
	"executingNodeName": {tags: []string{"task_executingNodeName", "executing_node_name"}},
	"qlikSenseQMC":      {also: paths("qmcUrl", "console", "consoleUrl"), tags: []string{"qmc_url"}},
	"qlikSenseHub":      {also: paths("hubUrl"), tags: []string{"hub_url"}},

	// Where: Qlik Cloud.
	"tenantId":      {also: paths("extensions.tenantId", "tenantid", "data.tenantId"), tags: []string{"tenant_id"}},
	"tenantComment": {tags: []string{"tenant_comment"}},
	"tenantUrl":     {tags: []string{"tenant_url"}},

	// Who.
	"user":     {also: paths("userName", "userId", "extensions.userId", "userid"), tags: nil},
	"userId":   {also: paths("extensions.userId", "userid"), tags: []string{"user_id"}},
	"userName": {tags: []string{"user_name"}},

	"taskName":                {also: paths("qs_taskMetadata.name"), tags: []string{"task_name", "task"}},
	"taskId":                  {also: paths("qs_taskMetadata.id"), tags: []string{"task_id"}},
	"taskCustomProperties":    {shape: asList, also: paths("qs_taskCustomProperties")},
	"taskTags":                {shape: asList, also: paths("qs_taskTags")},
	"taskIsManuallyTriggered": {also: paths("qs_taskMetadata.isManuallyTriggered")},
	"taskIsPartialReload":     {also: paths("qs_taskMetadata.isPartialReload")},
	"taskMaxRetries":          {also: paths("qs_taskMetadata.maxRetries")},
	"taskModifiedByUsername":  {also: paths("qs_taskMetadata.modifiedByUserName")},
	"taskModifiedDate":        {also: paths("qs_taskMetadata.modifiedDate")},
	"taskSessionTimeout":      {also: paths("qs_taskMetadata.taskSessionTimeout")},
	"taskNextExecution":       {},

	"appName":                   {also: paths("data.name", "app.name"), tags: []string{"app_name", "app"}},
	"appId":                     {also: paths("data.appId", "app.id", "extensions.topLevelResourceId", "toplevelresourceid"), tags: []string{"app_id"}},
	"appUrl":                    {also: paths("app.url"), tags: []string{"app_url"}},
	"appDescription":            {tags: []string{"app_description"}},
	"appFileSize":               {},
	"appLastSuccessfulReload":   {},
	"appLastModifiedDate":       {},
	"appLastModifiedByUserName": {},
	"appPublishTime":            {},
	"appPublished":              {also: paths("appIsPublished")},
	"appIsPublished":            {also: paths("appPublished")},
	"appStreamName":             {},
	"appCustomProperties":       {shape: asList, also: paths("qs_appCustomProperties")},
	"appTags":                   {shape: asList, also: paths("qs_appTags")},
	"appHasSectionAccess":       {},
	"appThumbnail":              {},
	"appOwnerName":              {tags: []string{"app_owner", "app_owner_name", "owner"}},
	"appOwnerUserId":            {also: paths("extensions.ownerId", "ownerid"), tags: []string{"app_owner_id"}},
	"appOwnerUserDirectory":     {},
	"appOwnerPicture":           {},
	"appOwnerEmail":             {tags: []string{"app_owner_email"}},

	"logTimeStamp": {also: paths("logTimestamp", "log_timestamp"), tags: []string{"log_timestamp"}},
	"logLevel":     {tags: []string{"log_level"}},
	"logMessage":   {},

	"executionId":                  {also: paths("execution_id", "reloadId", "data.reloadId"), tags: []string{"execution_id"}},
	"executionStatusNum":           {tags: []string{"task_executionStatusNum"}},
	"executionStatusText":          {also: paths("data.status", "status"), tags: []string{"task_exeuctionStatusText", "task_executionStatusText"}},
	"executionDuration":            {shape: asObject},
	"executionStartTime":           {shape: asObject, tags: []string{"task_executionStartTime_json"}},
	"executionStopTime":            {shape: asObject, tags: []string{"task_executionStopTime_json"}},
	"executionDetails":             {shape: asList},
	"executionDetailsConcatenated": {shape: asLog},

	"scriptLogHead":           {shape: asLog, tags: []string{"script_log_head"}},
	"scriptLogTail":           {shape: asLog, tags: []string{"script_log_tail"}},
	"scriptLogHeadCount":      {},
	"scriptLogTailCount":      {tags: []string{"task_scriptLogTailCount"}},
	"scriptLogSize":           {also: paths("scriptLogSizeRows"), tags: []string{"task_scriptLogSize"}},
	"scriptLogSizeRows":       {also: paths("scriptLogSize"), tags: []string{"task_scriptLogSize"}},
	"scriptLogSizeCharacters": {},

	"reloadId":                  {also: paths("data.reloadId")},
	"reloadTrigger":             {also: paths("data.reloadTrigger", "data.usage.trigger")},
	"errorCode":                 {also: paths("data.errorCode", "data.errors[0].code")},
	"eventType":                 {also: paths("type")},
	"eventTypeVersion":          {},
	"source":                    {},
	"status":                    {also: paths("data.status")},
	"statements":                {also: paths("data.statements")},
	"rowLimit":                  {also: paths("data.rowLimit")},
	"usageDuration":             {also: paths("data.usage.duration", "data.duration")},
	"peakMemoryBytes":           {also: paths("data.peakMemoryBytes")},
	"sizeMemoryBytes":           {also: paths("data.size.memory")},
	"endedWithMemoryConstraint": {also: paths("data.endedWithMemoryConstraint")},
	"isDirectQueryMode":         {also: paths("data.isDirectQueryMode")},
	"isPartialReload":           {also: paths("data.isPartialReload")},
	"isSessionApp":              {also: paths("data.isSessionApp")},
	"isSkipStore":               {also: paths("data.isSkipStore")},

	"host":                {also: paths("serviceHost", "hostName"), tags: []string{"hostName", "host_name"}},
	"serviceName":         {tags: []string{"service_name", "service"}},
	"serviceDisplayName":  {tags: []string{"service_display_name", "display_name"}},
	"serviceFriendlyName": {tags: []string{"service_friendly_name", "friendly_name"}},
	"serviceStatus":       {also: paths("currState"), tags: []string{"service_status"}},
	"servicePrevStatus":   {also: paths("prevState"), tags: []string{"service_prev_status"}},
	"serviceStartType":    {tags: []string{"service_start_type", "startup_mode"}},
	"serviceExePath":      {tags: []string{"service_exe_path"}},
	"serviceDependencies": {shape: asList},

	"licenseExpired":  {},
	"expiryDateStr":   {},
	"daysUntilExpiry": {},

	"genericUrls": {shape: asList},

	// The names of design §6, where they mean more than a name of Butler's.
	"errorMessage": {},
	"serverName":   {also: paths("hostName", "host", "serviceHost", "executingNodeName"), tags: []string{"host", "hostName", "server", "instance", "task_executingNodeName"}},
	"timestamp":    {},
	"environment":  {also: paths("tenantComment", "tenantName", "tenantId", "extensions.tenantId", "tenantid"), tags: []string{"env", "tenant", "tenant_comment", "butler_instance", "tenant_id"}},
	"severity":     {},
	"scriptLog":    {},
	"qmcUrl":       {also: paths("qlikSenseQMC", "console", "consoleUrl"), tags: []string{"qmc_url", "qlikSenseQMC"}},
}

// Variables with a meaning of their own ask for others, so they are added when
// the table stands.
func init() {
	special := map[string]func(*render) any{
		"errorMessage": errorMessage, "timestamp": timestamp, "severity": severityWord, "scriptLog": scriptLog,
		"logMessage": logMessage, "taskNextExecution": nextExecution, "executionDuration": executionDuration,
		"appTags": tagsOf("appTags", "appTag_"), "taskTags": tagsOf("taskTags", "taskTag_"),
	}
	for name, v := range variables {
		v.also = append(paths(name, strings.ToLower(name)), v.also...) // Butler's GET for services has small letters
		v.tags = append([]string{name}, v.tags...)
		v.special = special[name]
		variables[name] = v
	}
}

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
	for _, name := range []string{"startTimeLocal1", "stopTimeLocal1", "linkText"} {
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
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(log)
}

func errorMessage(r *render) any {
	for _, name := range []string{"errorMessage", "error_message", "data.errorMessage", "data.errors[0].message", "data.errors[0].detail"} {
		if words := textOf(r.find(paths(name), []string{name})); words != "" {
			return words
		}
	}
	for _, name := range []string{"logMessage", "executionDetailsConcatenated", "executionDetails", "message", "description"} {
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
	if err != nil || seconds < 0 || seconds > 1e9 {
		return found
	}
	whole := int64(seconds)
	return details{"hours": whole / 3600, "minutes": whole / 60 % 60, "seconds": whole % 60}
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
