package bot

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxRunning = 64
	maxWaiting = 1000
	stopGrace  = 5 * time.Second
)

type metrics struct{}

func (m *metrics) init(prometheus.Registerer) {}

// ServeHTTP takes one activity.
func (b *Bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not yet", http.StatusServiceUnavailable)
}
