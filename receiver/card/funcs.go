package card

import (
	"fmt"
	"maps"
	"reflect"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	amtemplate "github.com/prometheus/alertmanager/template"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/chart"
)

// hidden are sprig's functions that see the machine or the network, and those
// that make keys, certificates and passwords: one call of them may take
// seconds, and no card needs any.
var hidden = []string{"env", "expandenv", "getHostByName",
	"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey",
	"genSignedCert", "genSignedCertWithKey", "buildCustomCert", "derivePassword", "bcrypt", "htpasswd"}

// counted are functions that make as much as a number says.
var counted = []string{"repeat", "until", "untilStep", "seq", "indent", "nindent",
	"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes"}

// sharedFuncs are sprig's functions, then Alertmanager's (which win, so that
// its templates mean the same here), then ours.
func sharedFuncs() template.FuncMap {
	funcs := sprig.TxtFuncMap()
	for _, name := range hidden {
		delete(funcs, name)
	}
	maps.Copy(funcs, template.FuncMap(amtemplate.DefaultFuncs))
	for _, name := range counted {
		funcs[name] = limited(name, funcs[name])
	}
	maps.Copy(funcs, oldFuncs())
	asItIs := func(value any) any { return value }
	ours := template.FuncMap{
		"markdown": asItIs, // the sink of the action does the work
		"plain":    asItIs,
		"json":     asItIs,
		"payload":  asItIs,
		"mention":  mentionFunc,

		"words":         titleWords,
		"capital":       capital,
		"thousands":     thousands,
		"oneLine":       oneLine,
		"shorten":       func(max int, text string) string { return shorten(text, max) },
		"duration":      durationOf,
		"severityStyle": func(word string) string { s, _ := severityLooks(rankOf(word)); return s },
		"severityColor": func(word string) string { _, c := severityLooks(rankOf(word)); return c },
		"webURL":        webURL,

		"sparkline":  sparkline,
		"chartWords": chart.Words,
		"reading":    reading,
		"number":     chart.Number,
	}
	maps.Copy(funcs, ours)
	return funcs
}

// funcs are the functions that belong to one render.
func (r *render) funcs() template.FuncMap {
	funcs := template.FuncMap{
		sinkText: r.sink(sinkText), sinkMarkdown: r.sink(sinkMarkdown),
		sinkAnnotation: r.annotations(sinkMarkdown, sinkText),
		sinkJSON:       r.sink(sinkJSON), sinkMention: r.sink(sinkMention), sinkPayload: r.sink(sinkPayload),
		sinkOldText: r.sink(sinkOldText), sinkOldMarkdown: r.annotations(sinkOldMarkdown, sinkOldText),
		sayFunc: r.say, roundFunc: r.round, callFunc: r.call, cutFunc: r.cut, boundFunc: r.bound,

		"now":       func() time.Time { return r.wall.now },
		"since":     func(t time.Time) time.Duration { return r.wall.now.Sub(t) },
		"localTime": func(t time.Time) string { return r.wall.timeZone(t) },
		"more":      r.more,
		"picture":   r.picture,

		"routeLabels": func(name string) string { return r.data.RouteLabels[name] },
	}
	maps.Copy(funcs, r.tellingFuncs())
	maps.Copy(funcs, r.variableFuncs())
	maps.Copy(funcs, r.hbFuncs())
	return funcs
}

func rankOf(word string) alert.Severity {
	return alert.SeverityOf(map[string]string{alert.SeverityLabel: word})
}

// durationOf takes a duration, or seconds as a number.
func durationOf(value any) (string, error) {
	switch v := reflect.ValueOf(value); {
	case !v.IsValid():
		return "", nil
	case v.Type() == reflect.TypeFor[time.Duration]():
		return durationWords(time.Duration(v.Int())), nil
	case v.CanInt():
		return durationWords(time.Duration(v.Int()) * time.Second), nil
	case v.CanFloat():
		return durationWords(time.Duration(v.Float() * float64(time.Second))), nil
	}
	return "", fmt.Errorf("duration wants a duration or a number of seconds, not %T", value)
}

// limited refuses whole numbers beyond maxCount as arguments.
func limited(name string, f any) any {
	function := reflect.ValueOf(f)
	return reflect.MakeFunc(errorType(function.Type()), func(args []reflect.Value) []reflect.Value {
		for _, arg := range args {
			if tooMuch(arg) {
				return []reflect.Value{
					reflect.Zero(function.Type().Out(0)),
					reflect.ValueOf(fmt.Errorf("%s: at most %d", name, maxCount)),
				}
			}
		}
		var out []reflect.Value
		if function.Type().IsVariadic() {
			out = function.CallSlice(args)
		} else {
			out = function.Call(args)
		}
		if len(out) == 1 {
			out = append(out, reflect.Zero(reflect.TypeFor[error]()))
		}
		return out
	}).Interface()
}

// tooMuch finds a number beyond maxCount in an argument, which may be the
// slice of a variadic function.
func tooMuch(arg reflect.Value) bool {
	switch {
	case arg.Kind() == reflect.Interface:
		return !arg.IsNil() && tooMuch(arg.Elem())
	case arg.CanInt():
		return arg.Int() > maxCount || arg.Int() < -maxCount
	case arg.Kind() == reflect.Slice:
		for i := range arg.Len() {
			if tooMuch(arg.Index(i)) {
				return true
			}
		}
	}
	return false
}

// errorType is the type of a function that returns an error beside the result.
func errorType(f reflect.Type) reflect.Type {
	in := make([]reflect.Type, f.NumIn())
	for i := range in {
		in[i] = f.In(i)
	}
	return reflect.FuncOf(in, []reflect.Type{f.Out(0), reflect.TypeFor[error]()}, f.IsVariadic())
}
