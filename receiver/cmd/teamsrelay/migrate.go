package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/migrate"
)

func addMigrate(k *kingpin.Application, p *program) {
	cmd := k.Command("migrate", "Print the configuration that does what another program's did.")
	msteams := cmd.Command("prometheus-msteams", "Print the configuration for prometheus-msteams' configuration file, or for the values of its Helm chart. Paths and templates stay the same.")
	msteams.HelpLong(`Examples:
  teamsrelay migrate prometheus-msteams config.yml > teamsrelay.yml
  teamsrelay migrate prometheus-msteams values.yml --templates=. > teamsrelay.yml

The result holds the webhooks' URLs. Comments that begin with "To do" say what is
left to do. Templates that stand inside of Helm's values become files:
--templates says where to write them, beside the new configuration.`)
	file := msteams.Arg("file", "The configuration file (-config-file), or Helm's values.").Required().String()
	templates := msteams.Flag("templates", "The folder of the new configuration, for templates that become files. Files that are there already are not written over.").PlaceHolder("DIR").String()
	msteams.PreAction(endsAtOnce)
	msteams.Action(func(*kingpin.ParseContext) error {
		data, err := read(*file)
		if err != nil {
			return err
		}
		result, err := migrate.PrometheusMsteams(data)
		if err != nil {
			return fmt.Errorf("%s: %w", *file, err)
		}
		for _, template := range result.Templates {
			if *templates == "" {
				fmt.Fprintf(p.err, "%s stands inside of %s; with --templates=DIR it is written\n", template.Name, *file)
				continue
			}
			path := filepath.Join(*templates, filepath.FromSlash(template.Name))
			if err := writeNew(path, template.Text); err != nil {
				return err
			}
			fmt.Fprintln(p.err, "wrote", path)
		}
		if result.Todo > 0 {
			fmt.Fprintf(p.err, "comments that begin with \"To do\": %d; look at them before you start\n", result.Todo)
		}
		_, err = fmt.Fprint(p.out, result.Config)
		return err
	})
}

// writeNew writes a file that is not there yet.
func writeNew(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
