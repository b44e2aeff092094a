package card

import (
	"errors"
	"fmt"
	"slices"
)

// Check renders a card for groups of every kind and holds the results against
// the full Teams schema. It returns what is wrong, each mistake once; it costs
// milliseconds and is meant for check-config and tests.
func (s *Set) Check(name string) []Problem {
	var problems, doubts []Problem
	fine := false // a trial in which the card asked for an event went well
	shown := map[spot]bool{}
	for message := range s.trials(name) {
		for _, at := range message.buttons {
			shown[at] = true
		}
		var fault Problem
		if errors.As(message.Fault, &fault) {
			if message.asked {
				doubts = append(doubts, fault)
				continue
			}
			fault.Do = withoutIt
			problems = append(problems, fault)
			continue
		}
		problems = append(problems, message.Lost...)
		faults := teamsSchema().faults(message.Card)
		for _, line := range faults {
			problem := Problem{What: fmt.Sprintf("card %q: %s", name, line), Do: "Teams may refuse the card"}
			if t := s.templates.Lookup(name); t != nil {
				problem.File, problem.Line = t.ParseName, s.defined[name]
			}
			problems = append(problems, problem)
		}
		fine = fine || message.asked && len(faults) == 0
	}
	for _, doubt := range doubts {
		doubt.Do = withoutIt
		if doubt.noData || fine && !doubt.syntax {
			// What a source sends differs from source to source, and ours may
			// lack what this one always has.
			doubt.Warning = true
			doubt.Do = `try it with what your source sends: teamsrelay render --event SOURCE --data BODY.json; {{ event "a.b" }} is nothing where there is no such value`
		}
		problems = append(problems, doubt)
	}
	// A button whose address only some alerts have is nobody's mistake.
	problems = slices.DeleteFunc(problems, func(p Problem) bool { return shown[p.button] })
	slices.SortFunc(problems, compareProblems)
	return slices.Compact(problems)
}

// withoutIt says what a card costs that cannot be rendered.
const withoutIt = "without it people get the minimal card"

// statesTried is how many samples of each shipped card other cards are tried
// with: firing and resolved.
const statesTried = 2

// trials renders a card for what it may have to tell: a shipped one for its
// samples, any other for alerts in every state, and for everything else that
// happens.
func (s *Set) trials(name string) func(yield func(Message) bool) {
	samples := Samples(sampleTime)
	shipped := slices.ContainsFunc(samples, func(e Sample) bool { return e.Card == name })
	return func(yield func(Message) bool) {
		tried, answered := map[string]int{}, map[string]bool{}
		for _, sample := range samples {
			switch {
			case shipped && sample.Card != name:
				continue
			case !shipped && (sample.Digest != nil || sample.Call || sample.Card == MinimalCard):
				continue
			case !shipped:
				if tried[sample.Card]++; tried[sample.Card] > statesTried && sample.Card != Default {
					continue
				}
				sample.Card = name
			}
			if !yield(s.RenderSample(sample, WorkflowLimit)) {
				return
			}
			// The first of each is shown to people who can answer, too.
			if answered[sample.Card] || sample.Digest != nil || sample.Call {
				continue
			}
			answered[sample.Card] = true
			sample.Input.Look = ExampleLook()
			if !yield(s.RenderSample(sample, BotLimit)) {
				return
			}
		}
	}
}
