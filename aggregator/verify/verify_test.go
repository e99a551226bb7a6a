package verify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func member(id uint64) redis.Z { return redis.Z{Score: float64(id), Member: id} }

func TestWhatIsRightIsFoundRight(t *testing.T) {
	w := newWorld(t)
	var told []string
	report := w.mustVerify(t, Scope{Progress: func(done, total int, what string) {
		told = append(told, fmt.Sprintf("%d/%d %s", done, total, what))
	}})
	if !report.OK || len(report.NotCompared) != 0 {
		t.Errorf("report %+v", report)
	}
	if report.Clicks != 600 || report.Conversions != 80 || report.Attributions != 80 || report.Nodes != 3 || report.Zone != "America/Toronto" || len(report.Months) < 3 {
		t.Errorf("report %+v", report)
	}
	last := told[len(told)-1]
	if !strings.HasSuffix(last, " done") || strings.Split(last, "/")[0] != strings.Fields(strings.Split(last, "/")[1])[0] {
		t.Errorf("the progress ended with %q: %q", last, told)
	}
	text, _ := json.Marshal(report)
	for _, field := range []string{`"ok":true`, `"clicks":600`, `"conversions":80`, `"attributions":80`, `"gaps":0`, `"doubles":0`, `"differences":[]`, `"not_compared":[]`} {
		if !strings.Contains(string(text), field) {
			t.Errorf("the report lacks %s: %s", field, text)
		}
	}
}

func TestAnEmptyDeploymentIsRight(t *testing.T) {
	w := newWorld(t)
	for _, table := range []string{"clicks", "conversions", "shipments", "nodes", "link_days", "partner_days", "partner_months", "rollup_log", "rollup_nodes",
		"attributions", "sale_days", "sale_months", "attribution_log", "attribution_nodes", "breakdown_days", "breakdown_months",
		"ledger", "reward_holds", "reward_days", "reward_months", "payouts", "payout_cut_offs"} {
		w.Exec("TRUNCATE TABLE fairlead." + table)
	}
	if _, err := w.live.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report := w.mustVerify(t, Scope{}); !report.OK || report.Clicks+report.Conversions != 0 || len(report.NotCompared) != 0 {
		t.Errorf("report %+v", report)
	}
}
