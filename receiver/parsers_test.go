package receiver_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// parsers are those that read what others have written, each with the fuzz
// targets that feed it. What a function is called is as written in its file:
// methods have their type in front.
var parsers = map[string][]string{
	// What comes in as alerts.
	"receiver/ingest/alertmanager ParseWebhook":          {"receiver/ingest/alertmanager FuzzParseWebhook"},
	"receiver/ingest/alertmanager ParseAlerts":           {"receiver/ingest/alertmanager FuzzParseAlerts"},
	"receiver/ingest/alertmanager scalar.UnmarshalJSON":  {"receiver/ingest/alertmanager FuzzParseWebhook"},
	"receiver/ingest/alertmanager texts.UnmarshalJSON":   {"receiver/ingest/alertmanager FuzzParseWebhook"},
	"receiver/ingest/alertmanager numbers.UnmarshalJSON": {"receiver/ingest/alertmanager FuzzParseAlerts"},
	"receiver/ingest/events Source.Parse":                {"receiver/ingest/events FuzzParse", "receiver/ingest/events FuzzPresets", "receiver/ingest/events FuzzTextFromJira"},
	"receiver/alert Points.UnmarshalJSON":                {"receiver/alert FuzzPoints"},
	"plugins/outputs/teams/lines Parser.Parse":           {"plugins/outputs/teams/lines FuzzParser", "plugins/outputs/teams/lines FuzzRecords"},
	"plugins/outputs/teams/lines Parser.ParseWhole":      {"plugins/outputs/teams/lines FuzzParser"},
	// What InfluxDB, Alertmanager and Microsoft answer.
	"receiver/ingest/influxdb bounded.Read": {"receiver/ingest/influxdb FuzzFlux", "receiver/ingest/influxdb FuzzInfluxQL"},
	"receiver/silence bounded.Read":         {"receiver/silence FuzzWhatAnAlertmanagerAnswers"},
	"an answer of a workflow":               {"receiver/teams/workflow FuzzNoAnswerGivesTheSecretAway"},
	"an answer of the connector":            {"receiver/teams/botframework FuzzNoAnswerGivesOurTokenAwayOrPassesForASuccess"},
	"an answer of Graph": {"receiver/teams/graph FuzzNoAnswerGivesOurTokenAwayOrPassesForASuccess", "receiver/teams/graph FuzzTheAnswerToABatch",
		"receiver/teams/graph FuzzAListLeadsOurTokenNowhere", "receiver/teams/graph FuzzANameStaysWhereItBelongs", "receiver/teams/graph FuzzVersions"},
	"the address of an action in another system": {"receiver/intent FuzzAddress"},
	// What Teams sends to the bot, and what people type and press there.
	"receiver/bot/activity Parse":                {"receiver/bot/activity FuzzParse"},
	"receiver/bot/activity scalar.UnmarshalJSON": {"receiver/bot/activity FuzzParse"},
	"receiver/bot input.UnmarshalJSON":           {"receiver/bot FuzzWhatStandsBehindAButton"},
	"receiver/bot/token Verifier.Verify":         {"receiver/bot/token FuzzVerify"},
	"receiver/bot/token list.UnmarshalJSON":      {"receiver/bot/token FuzzVerify"},
	"receiver/bot/typed Parse":                   {"receiver/bot/typed FuzzParse", "receiver/bot/typed FuzzUntil"},
	"what the bot says of it":                    {"receiver/bot FuzzSay"},
	"receiver/press Parse":                       {"receiver/press FuzzNothingPassesThatWeDidNotSign"},
	"receiver/alert FromShortID":                 {"receiver/alert FuzzShortID"},
	// What users write into files.
	"receiver/config Load":                       {"receiver/config FuzzParse"},
	"receiver/config LoadCards":                  {"receiver/config FuzzParse", "receiver/card FuzzOldTemplate"},
	"receiver/config Parse":                      {"receiver/config FuzzParse", "receiver/config FuzzLink"},
	"receiver/deliver ParsePace":                 {"receiver/deliver FuzzParsePace"},
	"receiver/route ParseMatchers":               {"receiver/route FuzzMatchers"},
	"receiver/rules Parse":                       {"receiver/rules FuzzParse"},
	"receiver/rules/condition Compile":           {"receiver/rules/condition FuzzCompile"},
	"receiver/rules/condition CompileWhere":      {"receiver/rules/condition FuzzCompile"},
	"receiver/silence Compile":                   {"receiver/silence FuzzPlainMatchersAreWhatTheParsersRead", "receiver/silence FuzzASetMatchesTheLabelsThatItWasMadeOf"},
	"receiver/yamlfile Document.Decode":          {"receiver/yamlfile FuzzDecode"},
	"receiver/vault Parse":                       {"receiver/vault FuzzParse"},
	"a rule test":                                {"receiver/ruletest FuzzText", "receiver/ruletest FuzzLines"},
	"a configuration of prometheus-msteams":      {"receiver/migrate FuzzPrometheusMsteams"},
	"a section of Telegraf's configuration":      {"plugins/outputs/teams/cmd/telegraf-output-teams FuzzSection"},
	"templates, and the JSON that they write":    {"receiver/card FuzzShippedCards", "receiver/card FuzzEscaping", "receiver/card FuzzAssemble", "receiver/card FuzzHandlebars"},
	"a payload or an old card, as render has it": {"receiver/card FuzzPayload", "receiver/card FuzzReadable"},
	"receiver/apppackage Read":                   {"receiver/apppackage FuzzRead"},
	// What comes from a browser or a command, and what is shown there.
	"queries and paths of the API and the pages":   {"receiver/web FuzzWhatIsAsked"},
	"forms and bodies of the API and the pages":    {"receiver/web FuzzWhatIsSent"},
	"cards as they are shown on a page":            {"receiver/cardview FuzzHTML", "receiver/cardview FuzzText"},
	"what was stored, which a disk may have eaten": {"receiver/rules FuzzRestore", "receiver/vault FuzzOpen"},
	"text on its way into PostgreSQL and back":     {"receiver/store/postgres FuzzTextComesBack"},
	// What the tests' Teams is asked.
	"the simulated Teams": {"receiver/teamstest FuzzAnyBodyIsJudged", "receiver/teamstest FuzzGraphAnswersWhateverIsAsked"},
}

// notForeign are functions that are called like parsers and read nothing that
// others could have written, or only hand it on.
var notForeign = map[string]string{
	"receiver/alert Fingerprint.UnmarshalText":   "reads what we have stored",
	"receiver/rules Evaluator.Restore":           "reads what we have stored; FuzzRestore feeds it all the same",
	"receiver/vault Keyring.Open":                "opens what we have sealed; FuzzOpen feeds it all the same",
	"receiver/teams/botframework Client.Open":    "begins a conversation",
	"receiver/teams/graph/graphcontract Read":    "reads Microsoft's description of Graph for tests",
	"receiver/teamstest Fault.UnmarshalJSON":     "of the tests' Teams",
	"receiver/teamstest Situation.UnmarshalJSON": "of the tests' Teams",
	"receiver/torture ParseMark":                 "of the torture",
	"receiver/torture ParseDigest":               "of the torture",
	"receiver/store Brief.UnmarshalText":         "reads what we have stored",
	"receiver/web counted.Read":                  "counts bytes",
	"receiver/web roomBody.Read":                 "counts bytes",
	"plugins/outputs/teams/lines Records.Open":   "says whether a quotation is open; FuzzRecords feeds it",
	"receiver/store/postgres Open":               "opens a database",
	"receiver/store/postgres impatient.Read":     "is a connection with a deadline",
	"receiver/store/sqlite Open":                 "opens a database",
}

var (
	// parses are the names by which parsers go here.
	parses = regexp.MustCompile(`^(Parse|Read$|Decode|Unmarshal|Load|Compile|Restore$|Verify|Open$|FromShort)`)
	isFuzz = regexp.MustCompile(`^Fuzz[A-Z]`)
)

// functions are the functions and methods of a project that a pattern fits, as
// "package name"; of tests or of what is no test.
func functions(project fs.FS, pattern *regexp.Regexp, ofTests bool) (found []string, err error) {
	err = fs.WalkDir(project, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") != ofTests:
			return nil
		}
		source, err := fs.ReadFile(project, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && pattern.MatchString(f.Name.Name) {
				found = append(found, path.Dir(name)+" "+receiverOf(f)+f.Name.Name)
			}
		}
		return nil
	})
	return found, err
}

// receiverOf is the type of a method with a dot after it; "" of a function.
func receiverOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if index, ok := of.(*ast.IndexExpr); ok {
		of = index.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return "?."
}

// unfuzzed says which parsers nobody feeds, and which targets and parsers are
// named that are not there.
func unfuzzed(project fs.FS) (wrong []string, err error) {
	there, err := functions(project, parses, false)
	if err != nil {
		return nil, err
	}
	targets, err := functions(project, isFuzz, true)
	if err != nil {
		return nil, err
	}
	fed := map[string]bool{}
	for what, by := range parsers {
		for _, target := range by {
			fed[target] = true
			if !slices.Contains(targets, target) {
				wrong = append(wrong, fmt.Sprintf("%s is to be fed by %s, which is not there", what, target))
			}
		}
	}
	for _, f := range there {
		if _, excused := notForeign[f]; parsers[f] == nil && !excused {
			wrong = append(wrong, f+" looks like a parser: name its fuzz target among parsers, or say among notForeign why it needs none")
		}
	}
	for _, target := range targets {
		if !fed[target] {
			wrong = append(wrong, target+" feeds nothing that is among parsers: say there what it feeds")
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}

// Everything from outside is hostile. What the list cannot know is a parser
// that is called nothing like one: whoever writes it adds a row with words.
func TestEveryParserOfWhatOthersWriteIsFuzzed(t *testing.T) {
	wrong, err := unfuzzed(os.DirFS(".."))
	require.NoError(t, err)
	require.Empty(t, wrong, "%s", strings.Join(wrong, "\n"))
	there, err := functions(os.DirFS(".."), parses, false)
	require.NoError(t, err)
	for name := range notForeign {
		require.Contains(t, there, name, "it is excused and not there any more")
	}
}

// TestAParserWithoutATargetIsSeen proves that the test above can fail.
func TestAParserWithoutATargetIsSeen(t *testing.T) {
	wrong, err := unfuzzed(fstest.MapFS{
		"receiver/new/new.go":        {Data: []byte("package new\n\nfunc ParseThing(string) {}\n\ntype a[T any] struct{}\n\nfunc (*a[T]) UnmarshalJSON([]byte) error { return nil }\n")},
		"receiver/new/new_test.go":   {Data: []byte("package new\n\nfunc FuzzOfNothing() {}\n")},
		"receiver/new/testdata/a.go": {Data: []byte("this is not even Go")},
	})
	require.NoError(t, err)
	text := strings.Join(wrong, "\n")
	require.Contains(t, text, "receiver/new ParseThing looks like a parser")
	require.Contains(t, text, "receiver/new a.UnmarshalJSON looks like a parser")
	require.Contains(t, text, "receiver/new FuzzOfNothing feeds nothing")
	require.Contains(t, text, "is to be fed by receiver/card FuzzAssemble, which is not there")
}
