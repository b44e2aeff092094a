package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/alecthomas/kingpin/v2"
	"github.com/stretchr/testify/require"
)

// TestAServiceIsStartedWithTheFlagsThatWereGiven: Windows starts services in
// its own directory, so a path that was relative would name nothing there.
func TestAServiceIsStartedWithTheFlagsThatWereGiven(t *testing.T) {
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		args []string
		want []string
		err  string
	}{
		"paths become absolute, the rest stays": {
			[]string{"--config.file=relay.yml", "--web.listen-address=:9097", "--web.listen-address=127.0.0.1:9098", "--web.config.file=web.yml", "--log.level=debug", "--public.listen-address="},
			[]string{"serve", "--config.file=" + filepath.Join(here, "relay.yml"), "--web.listen-address=:9097", "--web.listen-address=127.0.0.1:9098", "--web.config.file=" + filepath.Join(here, "web.yml"), "--log.level=debug", "--public.listen-address="},
			"",
		},
		"without a configuration nothing is installed": {nil, nil, "--config.file=FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			app := kingpin.New("teamsrelay", "")
			app.Flag("log.level", "").String()
			install := app.Command("service", "").Command("install", "")
			addServeFlags(install)
			parsed, err := app.ParseContext(append([]string{"service", "install"}, c.args...))
			require.NoError(t, err)
			args, err := serviceArguments(install, parsed)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, args)
			addServe(app, &program{})
			_, err = app.ParseContext(args)
			require.NoError(t, err, "serve must understand them")
		})
	}
}

func TestWhereThereIsNoWindowsTheCommandSaysWhatToUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this is Windows")
	}
	for _, args := range [][]string{{"install", "--config.file=a.yml"}, {"uninstall"}, {"start"}, {"stop"}, {"status"}} {
		var out, errOut strings.Builder
		require.Equal(t, 1, run(t.Context(), append([]string{"service"}, args...), strings.NewReader(""), &out, &errOut))
		require.Contains(t, errOut.String(), "systemd")
	}
}

// aService is a receiver under a service manager that ends as told, and what
// has become of the process.
func aService(serve func(context.Context, *slog.Logger, func()) error) (s *serving, exits *[]int) {
	exits = new([]int)
	return &serving{
		serve: serve, log: slog.New(slog.DiscardHandler), ended: make(chan error, 1),
		exit: func(code int) { *exits = append(*exits, code) },
	}, exits
}

func TestAServiceStopsWhenItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, exits := aService(func(ctx context.Context, _ *slog.Logger, ready func()) error {
			ready()
			<-ctx.Done()
			return nil
		})
		require.NoError(t, s.Start(nil))
		require.NoError(t, s.Stop(nil))
		require.Empty(t, *exits, "Windows would take it for a crash, and start it again")
	})
}

func TestAServiceThatCannotStartSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, exits := aService(func(context.Context, *slog.Logger, func()) error { return errors.New("teamsrelay.yml:3: error") })
		require.ErrorContains(t, s.Start(nil), "teamsrelay.yml:3")
		synctest.Wait()
		require.Equal(t, []int{1}, *exits, "Windows starts again what has crashed: the database may be there by then")
	})
}

func TestAServiceWhoseDatabaseTakesLongIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := aService(func(ctx context.Context, _ *slog.Logger, _ func()) error { <-ctx.Done(); return nil })
		require.NoError(t, s.Start(nil), "Windows ends what has not started after 30 s")
		require.NoError(t, s.Stop(nil))
	})
}

func TestAMachineThatGoesDownDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		s, exits := aService(func(_ context.Context, _ *slog.Logger, ready func()) error { ready(); <-end; return nil })
		require.NoError(t, s.Start(nil))
		require.NoError(t, s.Shutdown(nil), "the attempt that is under way takes longer than Windows waits")
		close(end)
		synctest.Wait()
		require.Empty(t, *exits)
	})
}

// eventsOf is an event log in memory.
type eventsOf struct{ errors, warnings, infos []string }

func (e *eventsOf) Error(v ...any) error { e.errors = append(e.errors, v[0].(string)); return nil }
func (e *eventsOf) Warning(v ...any) error {
	e.warnings = append(e.warnings, v[0].(string))
	return nil
}
func (e *eventsOf) Info(v ...any) error { e.infos = append(e.infos, v[0].(string)); return nil }

func (e *eventsOf) Errorf(string, ...any) error   { panic("not used") }
func (e *eventsOf) Warningf(string, ...any) error { panic("not used") }
func (e *eventsOf) Infof(string, ...any) error    { panic("not used") }

func TestTheEventLogKnowsWhatIsBad(t *testing.T) {
	events := new(eventsOf)
	log := slog.New(newEventLog(events, slog.NewTextHandler(nil, nil))) // from info on
	log.Debug("nobody asked for this")
	log.Info("Taking alerts", "address", "127.0.0.1:9097")
	log.With("destination", "ops").Warn("Teams throttles")
	log.WithGroup("a").Error("broken", "err", strings.Repeat("ä", maxEvent))
	require.Equal(t, []string{`msg="Taking alerts" address=127.0.0.1:9097`}, events.infos)
	require.Equal(t, []string{`msg="Teams throttles" destination=ops`}, events.warnings)
	require.Len(t, events.errors, 1)
	require.Less(t, len(events.errors[0]), 31_839, "Windows takes no longer ones")
	require.True(t, strings.HasPrefix(events.errors[0], "msg=broken a.err=ää"))
}
