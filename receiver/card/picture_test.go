package card

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

const pictureOrText = `{{ with picture .Chart }}{"type": "Image", "url": "{{ . }}", "altText": "{{ chartWords $.Chart }}"},
	{{ else }}{"type": "TextBlock", "text": "{{ sparkline .Chart }}"},{{ end }}{"type": "TextBlock", "text": "end"}`

func TestAChartIsAPictureInTheCard(t *testing.T) {
	for name, template := range map[string]string{
		"with quotes":    pictureOrText,
		"without quotes": strings.ReplaceAll(pictureOrText, `"{{ . }}"`, `{{ . }}`),
	} {
		t.Run(name, func(t *testing.T) {
			element := first(t, define(t, block(template)).Render("mine", hotRoom(now), WorkflowLimit))
			require.Equal(t, "temp_c rose from 30.1 to 33.1 within an hour; critical is 32, warning is 27", element["altText"])
			data, ok := strings.CutPrefix(element["url"].(string), "data:image/png;base64,")
			require.True(t, ok, "%.40s", element["url"])
			picture, err := base64.StdEncoding.DecodeString(data)
			require.NoError(t, err)
			_, err = png.Decode(bytes.NewReader(picture))
			require.NoError(t, err)
		})
	}
}

// TestAPictureGoesFirst would fail for who is told of a hundred hot racks: for
// the sake of a picture they would not read which.
func TestAPictureGoesFirst(t *testing.T) {
	message := define(t, block(pictureOrText)).Render("mine", hotRoom(now), Limit{Bytes: 3000})
	require.Equal(t, "pictures", message.Folded)
	require.Equal(t, "▁▁▁▂▂▂▂▃▃▃▃▄▄▄▄▅▅▅▅▆▆▆▆▇▇▇▇███", first(t, message)["text"])
}

func TestWithoutAPastThereIsNoPicture(t *testing.T) {
	in := hotRoom(now)
	for name, chart := range map[string]*alert.Chart{"no chart": nil, "only thresholds": {Field: "temp_c", Thresholds: []alert.Threshold{{Value: 1}}}} {
		t.Run(name, func(t *testing.T) {
			for i := range in.Group.Alerts {
				in.Group.Alerts[i].Chart = chart
			}
			element := first(t, define(t, block(pictureOrText)).Render("mine", in, WorkflowLimit))
			require.Equal(t, map[string]any{"type": "TextBlock", "text": ""}, element)
		})
	}
}

// TestOnlyOurOwnPicturesStandInACard would fail for everybody whose colleague
// can write a label: a data URI shows what its author likes. What a template
// makes of our picture is a text like others.
func TestOnlyOurOwnPicturesStandInACard(t *testing.T) {
	in := hotRoom(now)
	in.Group.Alerts[0].Labels["png"] = "data:image/png;base64,AAAA"
	in.Group.Alerts[0].Annotations["png"] = "data:image/png;base64,AAAA"
	for _, template := range []string{
		`{"type": "Image", "url": "{{ .Alert.Labels.png }}"}`,
		`{"type": "Image", "url": {{ .Alert.Annotations.png }}}`,
		`{"type": "Image", "url": "{{ "" }}{{ .Alert.Labels.png }}"}`,
		`{"type": "Image", "url": "{{ printf "%s" (picture .Chart) }}"}`,
		`{"type": "Image", "url": "{{ picture .Chart | toString }}"}`,
		`{"type": "Image", "url": {{ picture .Chart | toJson }}}`,
		`{"type": "Image", "url": "x{{ picture .Chart }}"}`,
		`{"type": "Container", "items": [], "selectAction": {"type": "Action.OpenUrl", "url": "{{ picture .Chart }}"}}`,
	} {
		message := define(t, block(template+`, {"type": "TextBlock", "text": "end {{ picture .Chart }}"}`)).Render("mine", in, WorkflowLimit)
		require.NoError(t, message.Fault, template)
		require.NotContains(t, string(message.Card), "base64", template)
	}
}

func TestNoNumberMakesAPictureFail(t *testing.T) {
	set := define(t, block(pictureOrText))
	for _, text := range []string{
		`{"p": [1e308, -1e308, 1e-308], "d": 9223372036854775807, "s": "9999-12-31T23:59:59Z"}`,
		`{"p": [null, null]}`, `{"p": [5]}`, `{"p": [0, 0, null], "d": -1, "t": [{"v": 1e308}, {"v": 0, "s": "\u202e\n{{"}], "f": "\"}],{{DATE(x)}}<at>"}`,
	} {
		in := hotRoom(now)
		in.Group.Alerts = in.Group.Alerts[:1]
		in.Group.Alerts[0].Chart = &alert.Chart{}
		require.NoError(t, json.Unmarshal([]byte(text), in.Group.Alerts[0].Chart), text)
		require.NoError(t, set.Render("mine", in, WorkflowLimit).Fault, text)
	}
}
