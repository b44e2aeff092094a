package card

import (
	"fmt"
	"testing"
)

func TestSmoke(t *testing.T) {
	s, problems := New(nil)
	fmt.Println(problems, s.Names())
	m := s.Render("alert", bigInput(3), WorkflowLimit)
	fmt.Println(string(m.Card), m.Summary, m.Fault, m.Folded)
}

func BenchmarkDefaultCard10(b *testing.B)   { benchmarkDefault(b, 10) }
func BenchmarkDefaultCard1000(b *testing.B) { benchmarkDefault(b, 1000) }

func benchmarkDefault(b *testing.B, n int) {
	s, _ := New(nil)
	in := bigInput(n)
	b.ReportAllocs()
	for b.Loop() {
		if m := s.Render("alert", in, WorkflowLimit); m.Fault != nil {
			b.Fatal(m.Fault)
		}
	}
}
