// Command helm-template renders a chart as `helm template` does, for machines where helm is not to be had. It stands in for
// helm and for nothing more: the templates run in Go's own text/template with the real sprig functions, values are checked
// with the JSON Schema library that helm uses, and what helm adds to both (include, tpl, toYaml, required, lookup, .Release,
// .Capabilities, .Files) is here. `deploy/template` calls the real helm instead wherever that is on PATH.
//
// Not here, because our chart does not use it: dependencies, --set, hooks, crds/, and the order in which helm installs kinds.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/semver"
	"github.com/ghodss/yaml"
	"github.com/xeipuuv/gojsonschema"
)

// Chart is what templates see as .Chart. Helm gives them the fields of Chart.yaml with a capital letter.
type Chart struct {
	APIVersion  string `json:"apiVersion"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Version     string `json:"version"`
	AppVersion  string `json:"appVersion"`
	KubeVersion string `json:"kubeVersion"`
	Type        string `json:"type"`
}

// KubeVersion is what templates see as .Capabilities.KubeVersion.
type KubeVersion struct{ Version, Major, Minor string }

// GitVersion is the older name of Version, which helm keeps.
func (v KubeVersion) GitVersion() string { return v.Version }

// APIVersions is what templates see as .Capabilities.APIVersions.
type APIVersions []string

// Has says whether the cluster serves "group/version" or "group/version/Kind".
func (served APIVersions) Has(name string) bool {
	for _, version := range served {
		if version == name {
			return true
		}
	}
	return false
}

// Files is what templates see as .Files: what lies in the chart beside its templates.
type Files map[string][]byte

// Get gives a file's text, or nothing where there is no such file.
func (files Files) Get(name string) string { return string(files[name]) }

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: helm-template RELEASE CHART [--namespace NS] [-f VALUES]... [--kube-version V] [--api-versions GV]... [--notes]")
	}
	release, directory := arguments[0], arguments[1]
	flags := flag.NewFlagSet("helm-template", flag.ContinueOnError)
	namespace := flags.String("namespace", "default", "namespace of the release")
	kube := flags.String("kube-version", "v1.33.0", "Kubernetes version that .Capabilities tells")
	notes := flags.Bool("notes", false, "print NOTES.txt too, as an install does")
	var values, served list
	flags.Var(&values, "f", "file of values, merged in order")
	flags.Var(&served, "api-versions", "API version that .Capabilities tells")
	if err := flags.Parse(arguments[2:]); err != nil {
		return err
	}

	chart, files, err := load(directory)
	if err != nil {
		return err
	}
	merged, err := merge(files, values)
	if err != nil {
		return err
	}
	version, err := semver.NewVersion(*kube)
	if err != nil {
		return fmt.Errorf("--kube-version %s: %w", *kube, err)
	}
	if err := compatible(chart, version); err != nil {
		return err
	}
	return render(chart, files, map[string]interface{}{
		"Values":  merged,
		"Chart":   chart,
		"Files":   files,
		"Release": map[string]interface{}{"Name": release, "Namespace": *namespace, "Service": "Helm", "Revision": 1, "IsInstall": true, "IsUpgrade": false},
		"Capabilities": map[string]interface{}{
			"KubeVersion": KubeVersion{"v" + version.String(), fmt.Sprint(version.Major()), fmt.Sprint(version.Minor())},
			"APIVersions": APIVersions(served),
		},
	}, *notes)
}

func load(directory string) (*Chart, Files, error) {
	files := Files{}
	err := filepath.WalkDir(directory, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(directory, name)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(relative)], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	chart := &Chart{}
	if err := yaml.Unmarshal(files["Chart.yaml"], chart); err != nil {
		return nil, nil, fmt.Errorf("Chart.yaml: %w", err)
	}
	if chart.Name == "" || chart.Version == "" {
		return nil, nil, errors.New("Chart.yaml: name and version are required")
	}
	return chart, files, nil
}

// merge lays the given files over values.yaml, and holds the outcome to values.schema.json.
func merge(files Files, given []string) (map[string]interface{}, error) {
	merged := map[string]interface{}{}
	if err := yaml.Unmarshal(files["values.yaml"], &merged); err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	for _, name := range given {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		over := map[string]interface{}{}
		if err := yaml.Unmarshal(text, &over); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		lay(over, merged)
	}
	if schema := files["values.schema.json"]; schema != nil {
		text, err := json.Marshal(merged)
		if err != nil {
			return nil, err
		}
		result, err := gojsonschema.Validate(gojsonschema.NewBytesLoader(schema), gojsonschema.NewBytesLoader(text))
		if err != nil {
			return nil, fmt.Errorf("values.schema.json: %w", err)
		}
		if !result.Valid() {
			var faults []string
			for _, fault := range result.Errors() {
				faults = append(faults, "- "+fault.String())
			}
			return nil, fmt.Errorf("values don't meet the specifications of the schema:\n%s", strings.Join(faults, "\n"))
		}
	}
	return merged, nil
}

// lay puts one tree of values over another: maps are merged, anything else takes the place of what was there, null removes it.
func lay(over, base map[string]interface{}) {
	for key, value := range over {
		inner, isMap := value.(map[string]interface{})
		below, wasMap := base[key].(map[string]interface{})
		switch {
		case value == nil:
			delete(base, key)
		case isMap && wasMap:
			lay(inner, below)
		default:
			base[key] = value
		}
	}
}

func compatible(chart *Chart, version *semver.Version) error {
	if chart.KubeVersion == "" {
		return nil
	}
	constraint, err := semver.NewConstraint(chart.KubeVersion)
	if err != nil {
		return fmt.Errorf("Chart.yaml: kubeVersion: %w", err)
	}
	if !constraint.Check(version) {
		return fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes v%s", chart.KubeVersion, version)
	}
	return nil
}

func render(chart *Chart, files Files, context map[string]interface{}, notes bool) error {
	root := template.New("gotpl").Option("missingkey=zero")
	root.Funcs(functions(root))
	var names []string
	for name, text := range files {
		if !strings.HasPrefix(name, "templates/") {
			continue
		}
		full := path.Join(chart.Name, name)
		if _, err := root.New(full).Parse(string(text)); err != nil {
			return fmt.Errorf("parse error: %w", err)
		}
		names = append(names, full)
	}
	sort.Strings(names)
	for _, name := range names {
		base := path.Base(name)
		if strings.HasPrefix(base, "_") || base == "NOTES.txt" && !notes {
			continue
		}
		context["Template"] = map[string]interface{}{"Name": name, "BasePath": path.Join(chart.Name, "templates")}
		var out bytes.Buffer
		if err := root.ExecuteTemplate(&out, name, context); err != nil {
			return err
		}
		// As helm does: what text/template prints for a missing key is nothing.
		text := strings.TrimSpace(strings.ReplaceAll(out.String(), "<no value>", ""))
		if base == "NOTES.txt" {
			fmt.Fprintf(os.Stderr, "NOTES:\n%s\n", text)
		} else if text != "" {
			if err := parses(name, text); err != nil {
				return err
			}
			fmt.Printf("---\n# Source: %s\n%s\n", name, text)
		}
	}
	return nil
}

// parses holds each document of a rendered file to YAML, where helm would fail too.
func parses(name, text string) error {
	for _, document := range strings.Split("\n"+text, "\n---") {
		var object interface{}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return fmt.Errorf("YAML parse error on %s: %w", name, err)
		}
	}
	return nil
}
