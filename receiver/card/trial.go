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
	var problems []Problem
	for message := range s.trials(name) {
		var fault Problem
		if errors.As(message.Fault, &fault) {
			fault.Do = "without it people get the minimal card"
			problems = append(problems, fault)
			continue
		}
		problems = append(problems, message.Lost...)
		for _, line := range teamsSchema().faults(message.Card) {
			problem := Problem{What: fmt.Sprintf("card %q: %s", name, line), Do: "Teams may refuse the card"}
			if t := s.templates.Lookup(name); t != nil {
				problem.File, problem.Line = t.ParseName, s.defined[name]
			}
			problems = append(problems, problem)
		}
	}
	slices.SortFunc(problems, compareProblems)
	return slices.Compact(problems)
}

// trials renders a card for what it may have to tell: a shipped one for its
// samples, any other for groups of every kind.
func (s *Set) trials(name string) func(yield func(Message) bool) {
	return func(yield func(Message) bool) {
		shipped := false
		for _, sample := range Samples(sampleTime) {
			if sample.Card != name {
				continue
			}
			shipped = true
			if !yield(s.RenderExample(sample, WorkflowLimit)) {
				return
			}
		}
		if shipped {
			return
		}
		for _, sample := range alertSamples(sampleTime) {
			if sample.Card == Default && !yield(s.Render(name, sample.Input, WorkflowLimit)) {
				return
			}
		}
	}
}
