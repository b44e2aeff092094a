package e2e

import (
	"errors"
	"os"
	"path/filepath"
)

// alertmanagerProgram is a real Alertmanager, of the version that our go.mod
// names.
var alertmanagerProgram = foreign{
	name: "Alertmanager", module: "github.com/prometheus/alertmanager", pkg: "./cmd/alertmanager",
	prepare: func(source string) error { // it wants a page
		page := filepath.Join(source, "ui", "app", "dist", "index.html")
		return errors.Join(os.MkdirAll(filepath.Dir(page), 0o777), os.WriteFile(page, nil, 0o666))
	},
}.builder()
