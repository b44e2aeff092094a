package alertmanager

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

func TestAnAlertmanagerSaysWhatItHas(t *testing.T) {
	for _, c := range []struct {
		name, body, words string
		status, known     int
	}{
		{"alerts", `[{"labels":{"alertname":"A"},"status":{"state":"suppressed"}},{"labels":{"alertname":"B"}}]`, "", 200, 2},
		{"none", `[]`, "", 200, 0},
		{"a list that broke off says nothing", `[{"labels":{"alertname":"A"}},`, "cannot be read", 200, 0},
		{"a list without its end says nothing", `[{"labels":{"alertname":"A"}}`, "cannot be read", 200, 0},
		{"a sign-in page", `<html>`, "not a list", 200, 0},
		{"trouble", `[]`, "answers 500", 500, 0},
		{"somewhere else", ``, "answers 302", 302, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "/prefix/api/v2/alerts", r.URL.Path)
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			api, err := NewAPI(server.URL + "/prefix/")
			require.NoError(t, err)
			known, err := api.Known(context.Background())
			if c.words != "" {
				require.ErrorContains(t, err, c.words)
				require.Nil(t, known, "half of what is known looks like the end of the rest")
				return
			}
			require.NoError(t, err)
			require.Len(t, known, c.known)
			if c.known > 0 {
				require.Contains(t, known, alert.FingerprintOf(map[string]string{"alertname": "A"}))
			}
		})
	}
}

func TestAnAlertmanagersURLIsCheckedBeforeItIsUsed(t *testing.T) {
	for _, address := range []string{"", "alertmanager:9093", "ftp://alertmanager", "http://user:secret@alertmanager:9093", "http://"} {
		_, err := NewAPI(address)
		require.Error(t, err, "%q", address)
		require.NotContains(t, err.Error(), "secret")
	}
}
