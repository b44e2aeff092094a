package web

import (
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// ways are the ways in, as metrics call them.
const (
	wayAlertmanager = "alertmanager" // POST /alertmanager and what leads there
	wayAPI          = "api"          // POST /api/v2/alerts
	wayEvents       = "events"       // /events/SOURCE and what leads there
)

// What came of a request with alerts, as metrics call it.
const (
	outcomeTaken   = "taken"
	outcomeRefused = "refused" // it was wrong, or not allowed
	outcomeNotNow  = "not_now" // nothing can be stored: it has to come again
)

// requests are what can be seen of requests with alerts.
type requests struct {
	total          *prometheus.CounterVec
	seconds, bytes *prometheus.HistogramVec
}

func newRequests(r prometheus.Registerer) *requests {
	auto := promauto.With(r)
	m := &requests{
		total: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_requests_total",
			Help: "Requests with alerts, by the way in and what came of them: taken, refused (it was wrong or not allowed), not_now (nothing can be stored).",
		}, []string{"way", "outcome"}),
		seconds: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "teamsrelay_request_seconds",
			Help:    "How long requests with alerts took, until the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"way"}),
		bytes: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "teamsrelay_request_body_bytes",
			Help:    "How much was read of the body of requests with alerts.",
			Buckets: []float64{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 10 << 20},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"way"}),
	}
	for _, way := range []string{wayAlertmanager, wayAPI, wayEvents} {
		for _, outcome := range []string{outcomeTaken, outcomeRefused, outcomeNotNow} {
			m.total.WithLabelValues(way, outcome)
		}
		m.seconds.WithLabelValues(way)
		m.bytes.WithLabelValues(way)
	}
	return m
}

// watch counts the requests of a way in.
func (m *requests) watch(way string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		body := &counted{ReadCloser: r.Body}
		r.Body = body
		said := &status{ResponseWriter: w, code: http.StatusOK}
		handler.ServeHTTP(said, r)
		m.total.WithLabelValues(way, requestOutcome(said.code)).Inc()
		m.seconds.WithLabelValues(way).Observe(time.Since(began).Seconds())
		m.bytes.WithLabelValues(way).Observe(float64(body.read))
	})
}

func requestOutcome(code int) string {
	switch {
	case code < 400:
		return outcomeTaken
	case code < 500:
		return outcomeRefused
	}
	return outcomeNotNow
}

// counted is a body that knows how much of it was read.
type counted struct {
	io.ReadCloser
	read int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read += int64(n)
	return n, err
}

// status is a ResponseWriter that knows what was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController find what is below.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }
