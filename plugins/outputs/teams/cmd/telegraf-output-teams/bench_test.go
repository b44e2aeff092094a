package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hosts is a flush of many hosts: inputs.cpu of each (ten fields, two tags)
// and the same once more under a name that no rule may want.
func hosts(wanted int) []byte {
	var out bytes.Buffer
	for host := range 1000 {
		name := "other"
		if host%100 < wanted {
			name = "cpu"
		}
		fmt.Fprintf(&out, "%s,cpu=cpu-total,host=server%04d.example.com "+
			"usage_guest=0,usage_guest_nice=0,usage_idle=94.53781512605042,usage_iowait=0.1050420168067227,usage_irq=0,"+
			"usage_nice=0,usage_softirq=0.21008403361344538,usage_steal=0,usage_system=1.6806722689075631,"+
			"usage_user=3.4663865546218489 1700000000000000000\n", name, host)
	}
	return out.Bytes()
}

// BenchmarkStdin is the whole loop with a rule over 1000 series, from bytes on
// stdin to what a rule thinks of them.
func BenchmarkStdin(b *testing.B) {
	for _, wanted := range []int{100, 10, 0} {
		b.Run(fmt.Sprintf("%d_percent_wanted", wanted), func(b *testing.B) {
			plugin := startPlugin(b, b.TempDir(), "http://127.0.0.1:9/workflow/nobody")
			log := &logger{out: io.Discard, err: os.Stderr}
			l := newLoop(loopOptions{wants: plugin.Wants, samples: plugin.Samples, log: log, now: time.Now, grace: readGrace, store: storeGrace})
			flush := hosts(wanted)
			in := &repeated{data: flush, left: b.N}
			b.SetBytes(int64(len(flush) / 1000))
			b.ReportAllocs()
			b.ResetTimer()
			require.NoError(b, l.run(b.Context(), in))
			b.StopTimer()
			b.ReportMetric(float64(l.counts.evaluated.Load()+l.counts.unwanted.Load())/b.Elapsed().Seconds(), "metrics/s")
			require.NoError(b, plugin.Close())
		})
	}
}

// repeated brings as many lines of data as are left, again and again.
type repeated struct {
	data []byte
	at   int
	left int // lines
}

func (r *repeated) Read(p []byte) (n int, err error) {
	p = p[:min(len(p), 64<<10)] // a pipe holds no more
	for n < len(p) && r.left > 0 {
		end := r.at + bytes.IndexByte(r.data[r.at:], '\n') + 1
		if end-r.at > len(p)-n {
			break
		}
		n += copy(p[n:], r.data[r.at:end])
		r.at = end % len(r.data)
		r.left--
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
