package main

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v3"
)

// ruleFile is a file of Prometheus's alerting rules.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

var (
	alertName  = regexp.MustCompile(`^Fairlead([A-Z][a-z]+)+$`)
	otherRule  = regexp.MustCompile(`\bFairlead([A-Z][a-z]+)+\b`)
	usedLabels = regexp.MustCompile(`\$labels\.(\w+)`)
)

// ofPrometheus are what Prometheus itself adds.
var (
	metricsOfPrometheus = []string{"up"}
	labelsOfPrometheus  = []string{"instance", "job"}
)

// checkAlerts holds the alerting rules against what a deployment exports.
func checkAlerts(t *testing.T, exported exposition) {
	text, err := os.ReadFile("../../configs/deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file ruleFile
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			t.Run(r.Alert, func(t *testing.T) { r.check(t, exported) })
			if seen[r.Alert] {
				t.Errorf("two rules are called %s", r.Alert)
			}
			seen[r.Alert] = true
		}
	}
	if len(seen) < 20 {
		t.Errorf("%d rules were read: the file or this test is not what it was", len(seen))
	}
	for _, name := range otherRule.FindAllString(string(text), -1) {
		if !seen[name] {
			t.Errorf("there is no rule %s, and an action names it", name)
		}
	}
}

func (r rule) check(t *testing.T, exported exposition) {
	if !alertName.MatchString(r.Alert) {
		t.Errorf("the name does not read as others do")
	}
	if severity := r.Labels["severity"]; len(r.Labels) != 1 || severity != "page" && severity != "ticket" {
		t.Errorf("labels %v, want a severity: page or ticket", r.Labels)
	}
	if len(r.Annotations) != 2 || r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
		t.Errorf("annotations %v, want a summary, and an action that says what to do", r.Annotations)
	}
	if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
		t.Errorf("for: %v", err)
	}
	expr, err := metricsql.Parse(r.Expr)
	if err != nil {
		t.Fatal(err)
	}
	labels := slices.Clone(labelsOfPrometheus)
	metrics := 0
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.FuncExpr:
			if !metricsql.IsSupportedFunction(e.Name) {
				t.Errorf("there is no function %s", e.Name)
			}
		case *metricsql.MetricExpr:
			if len(e.LabelFilterss) == 0 {
				return // a duration's
			}
			metrics++
			for _, filters := range e.LabelFilterss {
				labels = append(labels, checkSelector(t, filters, exported)...)
			}
		}
	})
	if metrics == 0 {
		t.Error("the expression names no metric")
	}
	for _, text := range r.Annotations {
		for _, m := range usedLabels.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(labels, m[1]) {
				t.Errorf("the label %s in %q is of no metric of the rule", m[1], text)
			}
		}
	}
}

// checkSelector looks for a metric, and for the values of its labels that are selected, among those exported. It returns the
// metric's labels.
func checkSelector(t *testing.T, filters []metricsql.LabelFilter, exported exposition) (labels []string) {
	name := filters[0].Value
	if slices.Contains(metricsOfPrometheus, name) {
		return nil
	}
	have, ok := exported[name]
	if !ok {
		t.Errorf("%s is not exported", name)
		return nil
	}
	for label := range have {
		labels = append(labels, label)
	}
	for _, f := range filters[1:] {
		values, ok := have[f.Label]
		if !ok {
			t.Errorf("%s has no label %s", name, f.Label)
			continue
		}
		if slices.Contains(unlisted, f.Label) {
			continue
		}
		for value := range strings.SplitSeq(f.Value, "|") {
			if !values[value] {
				t.Errorf("%s is not exported with %s=%q", name, f.Label, value)
			}
		}
	}
	return labels
}
