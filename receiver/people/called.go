package people

import (
	"cmp"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Called is what people call a person: their name, as far as it is known.
func Called(p *store.Person) string { return cmp.Or(p.DisplayName, p.UPN, p.Name) }
