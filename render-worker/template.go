package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/gosimple/slug"
	"sigs.k8s.io/yaml"
)

const longestName = 253 // of a DNS subdomain, RFC 1123

// documentField is the name under which a document travels in a request's data. A document is raw JSON there, which no
// value that was read of the data can be: parameters of the same name are never taken for it.
const documentField = "document"

var notInName = regexp.MustCompile(`[^-a-z0-9.]`)

var plainStep = regexp.MustCompile(`^[\w-]+$`)

// templateFunctions are those of Argo CD's ApplicationSets: sprig without what reads the machine, and a few more.
var templateFunctions = func() template.FuncMap {
	functions := safeFunctions()
	functions["normalize"] = normalize
	functions["slugify"] = slugify
	functions["toYaml"] = toYAML
	functions["fromYaml"] = fromYAML
	functions["fromYamlArray"] = fromYAMLArray
	return functions
}()

// UnmarshalJSON reads a request, and keeps its `document` for executeTemplate.
func (r *request) UnmarshalJSON(payload []byte) error {
	type fields request
	read := struct {
		*fields
		Document json.RawMessage `json:"document"`
	}{fields: (*fields)(r)}
	if err := json.Unmarshal(payload, &read); err != nil {
		return err
	}
	if read.Document != nil {
		r.Data = map[string]any{documentField: read.Document, "data": r.Data}
	}
	return nil
}

// executeTemplate returns the text of a Go template, or the JSON of a document with every text in it rendered.
func executeTemplate(wanted *request) ([]byte, error) {
	document, ok := wanted.Data[documentField].(json.RawMessage)
	if !ok {
		text, err := executed(wanted.Template, wanted.Data, wanted.Options)
		return []byte(text), err
	}
	data, _ := wanted.Data["data"].(map[string]any)
	var value any
	reader := json.NewDecoder(bytes.NewReader(document))
	reader.UseNumber() // numbers of the document pass as they were written
	if err := reader.Decode(&value); err != nil {
		return nil, fmt.Errorf("the document cannot be read: %w", err)
	}
	value, err := rendered(value, "", func(text string) (string, error) { return executed(text, data, wanted.Options) })
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func executed(text string, data map[string]any, options []string) (string, error) {
	parsed, err := template.New("").Funcs(templateFunctions).Option(options...).Parse(text)
	if err != nil {
		return "", err
	}
	var output strings.Builder
	err = parsed.Execute(&output, data)
	return output.String(), err
}

// rendered returns a value with its texts and keys rendered; `at` is its place in the document. Keys are taken in
// their order, so that of several errors always the same one is told.
func rendered(value any, at string, render func(string) (string, error)) (any, error) {
	switch value := value.(type) {
	case string:
		return renderedText(value, at, render)
	case []any:
		for index, item := range value {
			made, err := rendered(item, fmt.Sprintf("%s[%d]", at, index), render)
			if err != nil {
				return nil, err
			}
			value[index] = made
		}
		return value, nil
	case map[string]any:
		made := make(map[string]any, len(value))
		for _, key := range sortedKeys(value) {
			place := step(at, key)
			name, err := renderedText(key, place, render)
			if err != nil {
				return nil, err
			}
			if _, taken := made[name]; taken {
				return nil, fmt.Errorf("%s: two keys become %q", place, name)
			}
			if made[name], err = rendered(value[key], place, render); err != nil {
				return nil, err
			}
		}
		return made, nil
	}
	return value, nil
}

func renderedText(text, at string, render func(string) (string, error)) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	made, err := render(text)
	if err != nil && at != "" {
		err = fmt.Errorf("%s: %w", at, err)
	}
	return made, err
}

func sortedKeys(value map[string]any) []string {
	keys := make([]string, 0, len(value))
	for key := range value {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// step writes the place of a key: `spec.source`, `metadata.labels["app.kubernetes.io/name"]`.
func step(at, key string) string {
	if !plainStep.MatchString(key) {
		return at + "[" + strconv.Quote(key) + "]"
	}
	if at == "" {
		return key
	}
	return at + "." + key
}

// normalize makes a name that Kubernetes accepts.
func normalize(name string) string {
	name = notInName.ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(name[:min(len(name), longestName)], "-.")
}

// slugify makes a short name: `slugify [longest [at word ends]] name`, of 50 characters at most by itself.
func slugify(arguments ...any) (string, error) {
	wrong := errors.New("slugify takes a name, before it a greatest length, and between them whether to cut at words")
	if len(arguments) == 0 || len(arguments) > 3 {
		return "", wrong
	}
	longest, atWords := 50, false
	name, ok := arguments[len(arguments)-1].(string)
	if ok && len(arguments) > 1 {
		longest, ok = arguments[0].(int)
	}
	if ok && len(arguments) > 2 {
		atWords, ok = arguments[1].(bool)
	}
	if !ok {
		return "", wrong
	}
	slug.MaxLength, slug.EnableSmartTruncate = longest, atWords
	slug.CustomSub = map[string]string{"_": "-"}
	return slug.Make(normalize(name)), nil
}

func toYAML(value any) (string, error) {
	text, err := yaml.Marshal(value)
	return strings.TrimSuffix(string(text), "\n"), err
}

func fromYAML(text string) (map[string]any, error) {
	value := map[string]any{}
	err := yaml.Unmarshal([]byte(text), &value)
	return value, err
}

func fromYAMLArray(text string) ([]any, error) {
	value := []any{}
	err := yaml.Unmarshal([]byte(text), &value)
	return value, err
}
