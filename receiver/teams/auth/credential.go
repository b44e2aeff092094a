package auth

import (
	"crypto"
	"crypto/x509"
)

// pair is a certificate with its key.
type pair struct {
	certificates []*x509.Certificate
	key          crypto.PrivateKey
}
