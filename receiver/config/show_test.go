package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// canarySecret stands where a secret is. It is base64 too, which a key must be.
const canarySecret = "CANARY5ecret"

// wholeFile has every key of a configuration, as far as they go together; the rest
// stands in others. KEY and CERTIFICATE are of TLS.
const wholeFile = `
storage: {url: "sqlite:x.db", retention: 10d, encryption_key: ` + canarySecret + `MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY=}
runtime_destinations: {names: [later], allowed_hosts: ["relay.example:8443"]}
destinations:
  - name: ops
    workflow:
      url: "https://prod-1.westeurope.logic.azure.com/workflows/` + canarySecret + `/triggers/manual/paths/invoke?sig=` + canarySecret + `"
      proxy_url: "http://user:` + canarySecret + `@proxy:3128"
      tls_config: {cert: CERTIFICATE, key: KEY}
      timeout: 8s
      strict_hosts: true
    pace: [4/1s]
    max_age: 2h
    paths: [/ops]
    card: own
    group_by: ["..."]
  - {name: channel, channel: {team_id: 11111111-0000-0000-0000-000000000001, channel_id: "19:a@thread.tacv2"}, actions: members, fallback: ops}
  - {name: chat, chat: {chat_id: "19:b@thread.v2"}, actions: [alice@contoso.com]}
  - {name: people, users: [alice@contoso.com]}
  - {name: group, group: {id: 44444444-0000-0000-0000-000000000004}}
  - {name: tag, group: {team_id: 11111111-0000-0000-0000-000000000001, tag_id: MjQzMmI1N2ItMGFiZC00M2RiLWFhN2ItMTZlYWRkMTE1ZDM0IyM3ZDg0}}
route: {destinations: [ops], routes: [{mute_time_intervals: [nights]}]}
time_intervals: [{name: nights, time_intervals: [{times: [{start_time: "00:00", end_time: "06:00"}]}]}]
inhibit_rules:
  - {name: new, source_matchers: [severity="critical"], target_matchers: [severity="info"], equal: [site]}
  - {source_match: {severity: critical}, source_match_re: {site: "fra.*"}, target_match: {severity: info}, target_match_re: {site: "fra.*"}}
template_files: [own.tmpl]
rule_files: [rules.yml]
influxdb:
  - {name: new, url: "https://db.example:8086/` + canarySecret + `", org: ops, token: ` + canarySecret + `, timeout: 10s, proxy_url: "http://user:` + canarySecret + `@proxy:3128", tls_config: {cert: CERTIFICATE, key: KEY}}
  - {name: old, url: "http://db.example:8086", username: reader, password: ` + canarySecret + `, database: dc}
events:
  - name: jira
    token: ` + canarySecret + `-long-enough-to-be-a-token
    paths: [/jira]
    mapping:
      functions: "def mine: .ticket;"
      when: "true"
      key: mine
      name: '"Ticket"'
      status: .status
      action: .action
      id: .id
      who: .who
      text: .text
      url: .url
      starts_at: .begin
      ends_at: .end
      card: '"own"'
      partial: "false"
      follows: .follows
      truncated: "false"
      labels: {site: .site}
      annotations: {summary: .summary}
      values: {size: .size}
      expires: 2h
    actions:
      resolve:
        url: "https://jira.example/` + canarySecret + `"
        method: PUT
        headers: {X-Key: ` + canarySecret + `}
        body: '{"key": "` + canarySecret + `"}'
        token: ` + canarySecret + `
        timeout: 5s
        proxy_url: "http://user:` + canarySecret + `@proxy:3128"
        tls_config: {cert: CERTIFICATE, key: KEY}
      comment: {url: "https://jira.example/", body: "{}", basic_auth: {username: relay, password: ` + canarySecret + `}}
  - {name: list, mapping: {each: ".[]", key: .key, name: .name, status: .status}}
  - {name: grafana, preset: grafana, basic_auth: {username: grafana, password: ` + canarySecret + `-long-enough}}
  - {name: github, preset: github, hmac: {secret: ` + canarySecret + `-long-enough-to-be-one, header: X-Signature}}
resolve_timeout: 3m
alertmanagers: [{url: "http://am.example:9093/` + canarySecret + `"}]
subscriptions: [{destination: chat, matchers: [team="dba"]}]
microsoft:
  tenant_id: 11111111-0000-0000-0000-000000000001
  app_id: 22222222-0000-0000-0000-000000000002
  client_secret: ` + canarySecret + `
  teams_app_id: 33333333-0000-0000-0000-000000000003
  teams_catalog_id: 55555555-0000-0000-0000-000000000005
  app_name: Alerts
  allowed_tenants: [66666666-0000-0000-0000-000000000006]
  cloud: gcc
  endpoints:
    login: "https://login.example"
    graph: "https://graph.example"
    bot_openid_metadata: "https://bot.example/` + canarySecret + `"
    bot_issuer: "https://issuer.example/` + canarySecret + `"
    service_url: "https://service.example/` + canarySecret + `"
    allowed_service_hosts: ["service.example"]
heartbeats: [{name: fra, matchers: [alertname="Watchdog"], within: 15m, severity: critical, labels: {site: fra1}}]
canary: [{destination: channel, every: 30m}]
admin_token: ` + canarySecret + `
`

var otherFiles = []string{`
storage: {url: "postgres://relay:` + canarySecret + `@db.example/relay"}
microsoft: {tenant_id: 11111111-0000-0000-0000-000000000001, app_id: 22222222-0000-0000-0000-000000000002, certificate_file: bot.pem, certificate_password: ` + canarySecret + `}
`, `
storage: {url: "postgres://relay@db.example/relay", password: ` + canarySecret + `}
microsoft: {tenant_id: 11111111-0000-0000-0000-000000000001, app_id: 22222222-0000-0000-0000-000000000002, managed_identity: true}
`, `
microsoft: {app_id: 22222222-0000-0000-0000-000000000002, insecure_local: true}
`}

// hiddenKeys are those of the file that are not shown as they stand there, and
// why not.
var hiddenKeys = map[string]string{
	"route": "the page draws the tree above, with all that routes inherit",
}

// TestEveryKeyOfTheFileIsShownAndNoSecret keeps what is added to the file from
// being left out where people look for it, and each Secret in it from being
// seen there.
func TestEveryKeyOfTheFileIsShownAndNoSecret(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"own.tmpl":  `{{define "own"}}{"type":"AdaptiveCard","version":"1.5","body":[]}{{end}}`,
		"rules.yml": "groups: [{name: dc, rules: [{alert: Hot, measurement: temperature, when: temp_c > 32}]}]\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	certificate, key := ownCertificate(t)
	var written, shown []any
	for i, text := range append([]string{wholeFile}, otherFiles...) {
		text = strings.NewReplacer("CERTIFICATE", strconv.Quote(certificate), "KEY", strconv.Quote(key)).Replace(text)
		made, document := parse(filepath.Join(dir, "test.yml"), []byte(text), Env{})
		require.NotNil(t, made)
		if i == 0 {
			require.False(t, document.Problems.Failed(), document.Problems.Error())
		}
		out, err := made.Shown()
		require.NoError(t, err)
		require.NotContains(t, out, canarySecret)
		for line := range strings.Lines(key) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "---") {
				require.NotContains(t, out, line)
			}
		}
		written, shown = append(written, decoded(t, text)), append(shown, decoded(t, out))
	}

	var keys, secrets []string
	walk(reflect.TypeFor[file](), "", nil, func(key string, typ reflect.Type) {
		keys = append(keys, key)
		switch typ {
		case reflect.TypeFor[Secret]():
			secrets = append(secrets, key)
		case reflect.TypeFor[promconfig.TLSConfig]():
			secrets = append(secrets, key+".key")
		}
	})
	require.Greater(t, len(keys), 100)
	require.Greater(t, len(secrets), 15)
	for _, key := range keys {
		twin, fromFile := strings.CutSuffix(key, "_file")
		if fromFile && slices.Contains(secrets, twin) {
			continue // what is read from it is shown as that
		}
		if hiddenKeys[key] != "" || strings.HasPrefix(key, "route.") {
			continue
		}
		require.NotEmpty(t, found(written, key), "put %s into the example", key)
		require.NotEmpty(t, found(shown, key), "show %s, or say in hiddenKeys why not", key)
	}
	for _, key := range secrets {
		for _, value := range found(written, key) {
			text, _ := value.(string)
			if !strings.HasPrefix(text, "sqlite:") && !strings.HasPrefix(text, "postgres://relay@") {
				require.True(t, strings.Contains(text, canarySecret) || strings.HasSuffix(key, "tls_config.key"), "%s is no secret in the example", key)
			}
		}
		require.Contains(t, found(shown, key), any(hidden), key)
	}
}

// walk goes through the keys that a type reads from YAML. above are the types
// that it is in: routes have routes.
func walk(typ reflect.Type, at string, above []reflect.Type, visit func(key string, typ reflect.Type)) {
	switch typ.Kind() {
	case reflect.Pointer:
		walk(typ.Elem(), at, above, visit)
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Struct {
			walk(typ.Elem(), at+"[]", above, visit)
		}
	case reflect.Map:
		if elem := typ.Elem(); elem.Kind() == reflect.Struct {
			walk(elem, at+".*", above, visit)
		} else if elem == reflect.TypeFor[Secret]() {
			visit(at+".*", elem)
		}
	case reflect.Struct:
		if !strings.Contains(typ.PkgPath(), "/receiver/") || slices.Contains(above, typ) {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "" {
				continue
			}
			key := strings.TrimPrefix(at+"."+name, ".")
			visit(key, f.Type)
			walk(f.Type, key, append(above, typ), visit)
		}
	}
}

// found are the values at a key, as walk calls it, in documents.
func found(documents []any, key string) []any {
	values := documents
	for part := range strings.SplitSeq(strings.ReplaceAll(key, "[]", ".[]"), ".") {
		var next []any
		for _, value := range values {
			switch v := value.(type) {
			case []any:
				if part == "[]" {
					next = append(next, v...)
				}
			case map[string]any:
				if part == "*" {
					for _, one := range v {
						next = append(next, one)
					}
				} else if one, there := v[part]; there {
					next = append(next, one)
				}
			}
		}
		values = next
	}
	return values
}

func decoded(t *testing.T, text string) any {
	var document any
	require.NoError(t, yaml.Unmarshal([]byte(text), &document), text)
	return document
}

// ownCertificate is a certificate with its key, in PEM.
func ownCertificate(t *testing.T) (certificate, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}
