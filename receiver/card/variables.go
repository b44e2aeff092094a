package card

import "strings"

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
		"executionStartTime": executionTime("start", "data.startTime"), "executionStopTime": executionTime("stop", "data.endTime"),
		"reloadId": reloadID, "executionId": executionID,
		"tenantUrl": tenantURL, "appUrl": appURL, "qlikSenseQMC": consoleURL("qlikSenseQMC"), "qmcUrl": consoleURL("qmcUrl"), "qlikSenseHub": hubURL,
		"appTags": tagsOf("appTags", "appTag_"), "taskTags": tagsOf("taskTags", "taskTag_"),
	}
	for name, v := range variables {
		v.also = append(paths(name, strings.ToLower(name)), v.also...) // Butler's GET for services has small letters
		v.tags = append([]string{name}, v.tags...)
		v.special = special[name]
		variables[name] = v
	}
}
