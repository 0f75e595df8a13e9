package main

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/gosimple/slug"
	"sigs.k8s.io/yaml"
)

const longestName = 253 // of a DNS subdomain, RFC 1123

var notInName = regexp.MustCompile(`[^-a-z0-9.]`)

// templateFunctions are those of Argo CD's ApplicationSets: sprig without what reads the machine, and a few more.
var templateFunctions = func() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	functions["normalize"] = normalize
	functions["slugify"] = slugify
	functions["toYaml"] = toYAML
	functions["fromYaml"] = fromYAML
	functions["fromYamlArray"] = fromYAMLArray
	return functions
}()

// executeTemplate returns the text of a Go template.
func executeTemplate(wanted *request) ([]byte, error) {
	parsed, err := template.New("").Funcs(templateFunctions).Option(wanted.Options...).Parse(wanted.Template)
	if err != nil {
		return nil, err
	}
	var output bytes.Buffer
	if err := parsed.Execute(&output, wanted.Data); err != nil {
		return nil, err
	}
	return output.Bytes(), nil
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
