package card

import "testing"

func BenchmarkDefaultCard10(b *testing.B)   { benchmarkDefaultCard(b, 10) }
func BenchmarkDefaultCard1000(b *testing.B) { benchmarkDefaultCard(b, 1000) }

// benchmarkDefaultCard renders, checks and fits.
func benchmarkDefaultCard(b *testing.B, alerts int) {
	set, _ := New(nil)
	in := hot(alerts)
	b.ReportAllocs()
	for b.Loop() {
		if message := set.Render("alert", in, WorkflowLimit); message.Fault != nil {
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
