package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// Roles returns the permissions that our token has, in order; none where Graph
// wants no token.
func (c *Client) Roles(ctx context.Context) ([]string, error) {
	token, err := c.token.Token(ctx, "")
	if err != nil {
		return nil, noToken(err)
	}
	roles := rolesIn(token)
	slices.Sort(roles)
	return roles, nil
}

// rolesIn reads the permissions in a token of ours. Nothing is verified: it
// comes from sign-in, and Graph decides what it is good for.
func rolesIn(token string) []string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	_ = json.Unmarshal(payload, &claims) // what cannot be read has none
	return claims.Roles
}

// granted tells whether a token has one of the permissions that a kind of
// request needs. Where there is no token, everything is granted.
func (k kind) granted(token string) bool { return token == "" || hasOne(rolesIn(token), k.needs) }

func hasOne(roles, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(roles, w) })
}
