package schema_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairlead/schema"
)

func TestEntriesNameTheirReward(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	added := schema.Entry{ID: 7, Partner: 3, Amount: 2500, Currency: "USD", HoldDays: 2, Note: "a prize", At: at}
	if want := schema.NewRewardID(3, schema.CauseAdded, "7", "USD"); !added.Adds() || added.Reward() != want {
		t.Errorf("got %t, %s, want true, %s", added.Adds(), added.Reward(), want)
	}
	reversal := schema.Entry{ID: 8, Partner: 3, Currency: "USD", Reverses: added.Reward(), Note: "by mistake", At: at}
	if reversal.Adds() || reversal.Reward() != added.Reward() {
		t.Errorf("got %t, %s, want false, %s", reversal.Adds(), reversal.Reward(), added.Reward())
	}
	f := func(e schema.Entry, want string) {
		t.Helper()
		data, err := json.Marshal(e)
		if err != nil || string(data) != want {
			t.Errorf("got %s, %v, want %s", data, err, want)
		}
		var again schema.Entry
		if err := json.Unmarshal(data, &again); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	f(added, `{"id":7,"partner_id":3,"amount":2500,"currency":"USD","hold_days":2,"note":"a prize","at":"2026-11-25T12:00:00Z"}`)
	f(reversal, `{"id":8,"partner_id":3,"amount":0,"currency":"USD","reverses":"`+added.Reward().String()+`","note":"by mistake","at":"2026-11-25T12:00:00Z"}`)
	for _, bad := range []string{"", "12", "zz" + added.Reward().String()[2:], added.Reward().String() + "00"} {
		if id, err := schema.ParseRewardID(bad); err == nil {
			t.Errorf("%q: got %s, want an error", bad, id)
		}
	}
}
