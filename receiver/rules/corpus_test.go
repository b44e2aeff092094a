package rules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// corpus is the Prometheus rule files that others wrote.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../../../shared/corpus/rules/*")
	require.NoError(t, err)
	if len(paths) == 0 {
		t.Skip("the corpus of real rule files (../shared/corpus) is not beside the project")
	}
	files := make(map[string][]byte, len(paths))
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		files[filepath.Base(path)] = data
	}
	return files
}

// A rule file of Prometheus is what people try first. They must be told what
// it is and not get a list of everything that is strange about it.
func TestFilesOfPrometheusAreRecognised(t *testing.T) {
	recognised := 0
	for name, data := range corpus(t) {
		set, problems := rules.Parse([]rules.File{{Name: name, Data: data}})
		require.Nil(t, set, name)
		require.True(t, problems.Failed(), name)
		for _, p := range problems {
			require.Positive(t, p.Line, name)
			require.NotEmpty(t, p.Do, name)
			require.NotContains(t, p.String(), "\n", name)
			if p.What == "this is a rule file of Prometheus" {
				recognised++
				require.LessOrEqual(t, len(problems), 3, "%s: %s", name, problems.Error())
			}
		}
	}
	require.Greater(t, recognised, 20, "most of the corpus is plain rule files")
}

// notOurs are texts that ask a Prometheus server, or that Helm makes texts of.
var notOurs = regexp.MustCompile(`query|externalURL|externalLabels|\$\.labels|include |required |default |\.Values|\.Release|\$components`)

// Annotations that people have must mean the same here.
func TestTextsOfPrometheusRender(t *testing.T) {
	rendered := 0
	for name, data := range corpus(t) {
		var root yaml.Node
		if yaml.Unmarshal(data, &root) != nil {
			continue // Helm's templates
		}
		for _, text := range texts(&root) {
			if notOurs.MatchString(text) {
				continue
			}
			made, err := one(text)
			require.Empty(t, err.Error(), "%s: %s", name, text)
			for _, value := range []any{0.123, "stopped", nil} {
				got, err := made.Render(rules.Vars{Labels: map[string]string{"instance": "db01:9100"}, Value: value})
				if value == 0.123 {
					require.NoError(t, err, "%s: %s", name, text)
					require.NotContains(t, got, "<no value>", name)
				}
			}
			rendered++
		}
	}
	require.Greater(t, rendered, 500, "the corpus is full of annotations")
}

// one is the text as the annotation of a rule.
func one(text string) (*rules.Template, yamlfile.Problems) {
	data, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "g", "rules": []any{map[string]any{
		"alert": "A", "measurement": "m", "when": "x > 1", "annotations": map[string]string{"text": text},
	}}}}})
	if err != nil {
		panic(err)
	}
	set, problems := rules.Parse([]rules.File{{Name: "a.yml", Data: data}})
	if set == nil {
		return nil, problems
	}
	return &set.Groups[0].Rules[0].Annotations[0], problems
}

// texts are the values of all labels and annotations.
func texts(n *yaml.Node) (found []string) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && (child.Value == "labels" || child.Value == "annotations") {
			for k, value := range n.Content[i+1].Content {
				if k%2 == 1 && value.Kind == yaml.ScalarNode && strings.TrimSpace(value.Value) != "" {
					found = append(found, value.Value)
				}
			}
		}
		found = append(found, texts(child)...)
	}
	return found
}
