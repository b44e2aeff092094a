package card

import (
	"testing"

	"github.com/teamsrelay/teamsrelay/receiver/chart"
)

func BenchmarkDefaultCard10(b *testing.B)   { benchmarkCard(b, "alert", hot(10), nil) }
func BenchmarkDefaultCard1000(b *testing.B) { benchmarkCard(b, "alert", hot(1000), nil) }

// BenchmarkThresholdCard says what its picture costs when it changed, and when
// it did not.
func BenchmarkThresholdCard(b *testing.B) {
	in := SampleFor("threshold", now).Input
	b.Run("drawn", func(b *testing.B) {
		benchmarkCard(b, "threshold", in, func(set *Set) { set.drawn = chart.Pictures{} })
	})
	b.Run("kept", func(b *testing.B) { benchmarkCard(b, "threshold", in, nil) })
}

// BenchmarkAnswerableCard is what the answer to a press has to make.
func BenchmarkAnswerableCard(b *testing.B) {
	in := withAck(hot(10))
	in.Look = ExampleLook()
	benchmarkCard(b, "alert", in, nil)
}

func BenchmarkReloadFailedCard(b *testing.B) {
	benchmarkCard(b, "reload-failed", SampleFor("reload-failed", now).Input, nil)
}

// benchmarkCard renders, checks and fits; before each it does what is to be
// done before.
func benchmarkCard(b *testing.B, name string, in Input, before func(*Set)) {
	set, _ := New(nil)
	b.ReportAllocs()
	for b.Loop() {
		if before != nil {
			before(set)
		}
		message := set.Render(name, in, WorkflowLimit)
		if message.Fault != nil {
			b.Fatal(message.Fault)
		}
	}
}

func BenchmarkDigest5000(b *testing.B) {
	set, _ := New(nil)
	in := digestInput(5000)
	b.ReportAllocs()
	for b.Loop() {
		if message := set.Digest(in, WorkflowLimit); message.Fault != nil {
			b.Fatal(message.Fault)
		}
	}
}
