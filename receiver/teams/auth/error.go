package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Error says why there is no token.
type Error struct {
	// Reason is Auth when somebody has to mend something here or in Azure, and
	// else one of those to try again.
	Reason  teams.Reason
	Message string        // for a human; without secrets
	After   time.Duration // how long the sign-in asked us to wait; 0: it did not say
}

func (e *Error) Error() string { return e.Message }

// codes are the errors of Entra that an administrator can cause, and what to
// do about each.
var codes = map[string]string{
	"7000222": "The application's client secret has expired. Make a new one in the Azure portal (App registrations, the bot, Certificates & secrets), put its value into client_secret_file, then reload.",
	"7000215": "Microsoft does not take the client secret. Put the secret's value, not its ID, into client_secret_file, whole and without blanks, then reload; the Azure portal shows it only once, so make a new one if it is lost.",
	"700016":  "There is no application with this app_id in this tenant. Compare app_id and tenant_id with what the Azure portal shows for the bot; a bot for all tenants has no tenant_id.",
	"90002":   "There is no tenant with this tenant_id. Copy the Directory (tenant) ID from the Azure portal.",
	"900023":  "tenant_id is neither an id nor a domain of a tenant. Copy the Directory (tenant) ID from the Azure portal.",
	"700027":  "Microsoft does not know the certificate. Upload its public part in the Azure portal (App registrations, the bot, Certificates & secrets), and see that it has not expired.",
	"700024":  "Microsoft finds our request too old or too new. Check this machine's clock.",
	"7000112": "The application is switched off. Switch it on in the Azure portal (Enterprise applications, the bot, Properties).",
	"7000229": "The application is registered but not present in this tenant. Create its service principal (`az ad sp create --id APP_ID`).",
	"700213":  "No federated credential of the application fits this machine's identity. Compare its subject and issuer in the Azure portal (App registrations, the bot, Certificates & secrets).",
	"53003":   "A Conditional Access policy blocks the application. Except it in the policy.",
	"500011":  "What the token is for (Bot Framework, Microsoft Graph) is not present in this tenant. Check tenant_id and cloud.",
}

var codeInText = regexp.MustCompile(`AADSTS(\d{4,8})`)

// gaveUpWaiting is for whoever could not wait for the token.
func gaveUpWaiting(ctx context.Context) *Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Reason: teams.Interrupted, Message: "We were stopped while Microsoft's sign-in was asked; it is tried again after the start."}
	}
	return &Error{Reason: teams.Timeout, Message: "Microsoft's sign-in did not answer in time. It is tried again."}
}

// unusable: what proves who we are cannot be used, for example because the
// certificate's file was replaced by something else.
func (s *Source) unusable(err error) *Error {
	return &Error{Reason: teams.Auth, Message: fmt.Sprintf("What proves who we are cannot be used (%s). Check `microsoft:` with check-config.", s.quote(err.Error()))}
}

// unreachable: there was no answer.
func (s *Source) unreachable(ctx context.Context, err error) *Error {
	host := "Microsoft's sign-in"
	if u, parseErr := url.Parse(s.config.Where().Login); parseErr == nil {
		host = u.Hostname()
	}
	o := teams.Connection{
		Host: host, Timeout: askTimeout, Proxy: "HTTPS_PROXY", CA: "this machine's trusted certificates", Repeatable: true, Hide: s.quote,
	}.Failure(ctx, ctx, err, false)
	return &Error{Reason: o.Reason, Message: fmt.Sprintf("No token for %s: %s", s.audience.name, o.Message)}
}

// refused turns an error of the library into one of ours. The library's text
// holds whole answers and URLs, so it is used only where nothing else is said.
func (s *Source) refused(err error) *Error {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) && failed.RawResponse != nil {
		return s.refusal(failed.RawResponse)
	}
	if s.config.ManagedIdentity {
		return &Error{Reason: teams.Auth, Message: fmt.Sprintf("This machine could not prove that it is the application (%s). Assign the identity with this app_id to it, or use client_secret_file.", s.quote(err.Error()))}
	}
	return &Error{Reason: teams.Unavailable, Message: fmt.Sprintf("Microsoft's sign-in could not be used (%s). It is tried again.", s.quote(err.Error()))}
}

// quote is what others say as it may be shown.
func (s *Source) quote(text string) string {
	return s.secrets.Quote(teams.WithoutURLs(text), 200)
}

// refusal is what an answer without a token means.
func (s *Source) refusal(r *http.Response) *Error {
	wait := outbound.RetryAfter(r.Header, time.Now(), longestPause)
	switch {
	case r.StatusCode == http.StatusTooManyRequests:
		return &Error{Reason: teams.Throttled, After: wait, Message: "Microsoft's sign-in says that we ask too often (429). It is tried again."}
	case r.StatusCode >= 500:
		return &Error{Reason: teams.Unavailable, After: wait, Message: fmt.Sprintf("Microsoft's sign-in has a bad time (%d). It is tried again.", r.StatusCode)}
	}
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	body, _ := azruntime.Payload(r) // what cannot be read says nothing
	_ = json.Unmarshal(body, &said)
	if m := codeInText.FindStringSubmatch(said.Description); m != nil {
		if words, ok := codes[m[1]]; ok {
			return &Error{Reason: teams.Auth, Message: fmt.Sprintf("%s (AADSTS%s)", words, m[1])}
		}
	}
	text := said.Description
	if text == "" {
		text = said.Error
	}
	message := fmt.Sprintf("Microsoft's sign-in refuses us (%d). Check app_id, tenant_id and what proves who we are in `microsoft:`.", r.StatusCode)
	if text != "" {
		message += fmt.Sprintf(" It says: %q.", s.quote(text))
	}
	return &Error{Reason: teams.Auth, Message: message}
}
