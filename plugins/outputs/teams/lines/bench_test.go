package lines

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/influxdata/telegraf/plugins/parsers/influx"
)

// host is what inputs.cpu says of one of a hundred hosts.
func hostLines() [][]byte {
	var all [][]byte
	for i := range 100 {
		all = append(all, fmt.Appendf(nil, "cpu,cpu=cpu0,host=server%02d.example.com "+
			"usage_guest=0,usage_guest_nice=0,usage_idle=94.53781512605042,usage_iowait=0.1050420168067227,usage_irq=0,"+
			"usage_nice=0,usage_softirq=0.21008403361344538,usage_steal=0,usage_system=1.6806722689075631,"+
			"usage_user=3.4663865546218489 1700000000000000000\n", i))
	}
	return all
}

// BenchmarkParser is the share of line protocol in the stdin loop: ten fields,
// two tags.
func BenchmarkParser(b *testing.B) {
	for name, wants := range map[string]bool{"wanted": true, "unwanted": false} {
		b.Run(name, func(b *testing.B) {
			lines := hostLines()
			p := NewParser(func(string) bool { return wants }, time.Now)
			var batch Batch
			p.Into(&batch)
			b.SetBytes(int64(len(lines[0])))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := p.Parse(bytes.TrimSuffix(lines[i%len(lines)], []byte("\n"))); err != nil {
					b.Fatal(err)
				}
				if i++; len(batch.Samples) == 1000 {
					batch.Reset()
				}
			}
		})
	}
}

// BenchmarkTelegrafsParser is for comparison: what makes Telegraf's metrics.
func BenchmarkTelegrafsParser(b *testing.B) {
	data := bytes.Join(hostLines(), nil)
	p := &influx.Parser{}
	require.NoError(b, p.Init())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
