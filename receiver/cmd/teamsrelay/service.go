package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/kardianos/service"
)

// serviceName is what Windows calls us, in its list of services and as the
// source of events in its log. It is part of the account's name.
const serviceName = "teamsrelay"

// serviceAccount belongs to this service alone: Windows makes it with the
// service, it has no password, and may do nothing that it is not allowed.
const serviceAccount = `NT SERVICE\` + serviceName

func addService(k *kingpin.Application, p *program) {
	cmd := k.Command("service", "Install and control teamsrelay as a Windows service.")
	install := cmd.Command("install", "Install the service, with the flags that serve shall have. It starts with Windows, and again when it has failed.")
	install.HelpLong(`Examples, as an administrator:
  teamsrelay service install --config.file=C:\ProgramData\teamsrelay\teamsrelay.yml
  icacls C:\ProgramData\teamsrelay /grant "NT SERVICE\teamsrelay:(OI)(CI)M"
  teamsrelay service start

The program stays where it is; put it into C:\Program Files\teamsrelay first.
It runs as NT SERVICE\teamsrelay, an account with no rights but those it is
given, and logs to the event log, source teamsrelay.
sample-configs/deploy/windows/install.ps1 does all of it.`)
	_ = addServeFlags(install) // the arguments are handed on as they are written
	install.Action(func(c *kingpin.ParseContext) error {
		args, err := serviceArguments(install, c)
		if err != nil {
			return err
		}
		return control(func(s service.Service) error { return s.Install() }, p, "installed; start it with: teamsrelay service start", args...)
	})
	for _, verb := range []struct {
		name, help, done string
		do               func(service.Service) error
	}{
		{"uninstall", "Remove the service. Its configuration and what it has stored stay.", "removed", service.Service.Uninstall},
		{"start", "Start the service.", "started", service.Service.Start},
		{"stop", "Stop the service. What was taken is on disk and is told after the next start.", "stopped", service.Service.Stop},
	} {
		cmd.Command(verb.name, verb.help).Action(func(*kingpin.ParseContext) error { return control(verb.do, p, verb.done) })
	}
	cmd.Command("status", "Say whether the service runs; exit code 1 when it does not.").Action(func(*kingpin.ParseContext) error {
		return control(func(s service.Service) error {
			status, err := s.Status()
			switch {
			case errors.Is(err, service.ErrNotInstalled):
				return errors.New("the service is not installed; teamsrelay service install --help says how")
			case err != nil:
				return err
			case status != service.StatusRunning:
				return errors.New("the service is stopped; the event log, source teamsrelay, says why")
			}
			return nil
		}, p, "running")
	})
}

// serviceArguments are what Windows starts the service with: the flags of serve
// as they were given, with paths that mean the same from any directory.
func serviceArguments(install *kingpin.CmdClause, c *kingpin.ParseContext) ([]string, error) {
	args := []string{"serve"}
	paths := []string{"config.file", "web.config.file"}
	configured := false
	for _, element := range c.Elements {
		flag, ok := element.Clause.(*kingpin.FlagClause)
		if !ok || element.Value == nil {
			continue
		}
		name, value := flag.Model().Name, *element.Value
		if slices.Contains(paths, name) && value != "" {
			absolute, err := filepath.Abs(value)
			if err != nil {
				return nil, err
			}
			value = absolute
		}
		configured = configured || name == "config.file"
		args = append(args, "--"+name+"="+value)
	}
	if !configured {
		return nil, fmt.Errorf("say which configuration the service shall have: %s --config.file=FILE", install.FullCommand())
	}
	return args, nil
}

// control does something with the service, and says that it is done.
func control(do func(service.Service) error, p *program, done string, args ...string) error {
	if runtime.GOOS != "windows" {
		return errors.New("this is for Windows; for systemd there is sample-configs/deploy/systemd/teamsrelay.service, and the deb and rpm packages bring it")
	}
	s, err := windowsService(nil, args...)
	if err != nil {
		return err
	}
	if err := do(s); err != nil {
		if strings.Contains(strings.ToLower(err.Error()), "access is denied") {
			return fmt.Errorf("%w; do this as an administrator", err)
		}
		return err
	}
	fmt.Fprintln(p.out, "The service teamsrelay is "+done+".")
	return nil
}

// windowsService is the service as Windows knows it. run is what it does;
// whoever only controls it needs none.
func windowsService(run service.Interface, args ...string) (service.Service, error) {
	return service.New(run, &service.Config{
		Name: serviceName, DisplayName: "teamsrelay",
		Description: "Carries alerts between Prometheus, Alertmanager and Microsoft Teams.",
		UserName:    serviceAccount, Arguments: args,
		// The library has names for these on Windows only.
		Option: service.KeyValue{
			"StartType": "automatic", "DelayedAutoStart": true, // the network is there then
			// After every failure, for ever: the count begins anew after ten seconds.
			"OnFailure": "restart", "OnFailureDelayDuration": "15s", "OnFailureResetPeriod": 10,
		},
	})
}
