package attribution

import (
	"sort"
	"time"

	"fairlead/schema"
)

// World is what decisions depend on beside the reports. It has to know every partner and link that the reports, coupons
// and claims name; what it does not know does not exist.
type World struct {
	Programs []ProgramVersion // by At
	Partners map[schema.PartnerID]Partner
	Links    map[schema.LinkID]schema.PartnerID
	Coupons  map[string][]schema.Coupon // by folded code
	Claims   map[string][]schema.Claim  // accepted ones, by alias
	Rates    Rates
}

// ProgramVersion is the program's settings from a moment on.
type ProgramVersion struct {
	At int64 // milliseconds since 1970
	schema.Program
	zone *time.Location
}

// Location is the program's time zone, looked up once.
func (p *ProgramVersion) Location() *time.Location {
	if p.zone == nil {
		p.zone = p.Program.Location()
	}
	return p.zone
}

// Partner is what decisions need of a partner.
type Partner struct {
	Statuses []StatusVersion // by At
	Aliases  []string        // of every e-mail address the partner ever had
}

// StatusVersion is a partner's state from a moment on.
type StatusVersion struct {
	At     int64 // milliseconds since 1970
	Status schema.PartnerStatus
}

// noProgram is in force where there is no program yet.
var noProgram = ProgramVersion{Program: schema.Program{Zone: "UTC"}, zone: time.UTC}

// programAt returns the settings in force at a moment; the first ones hold for all that was before them.
func (w *World) programAt(at int64) *ProgramVersion {
	if len(w.Programs) == 0 {
		return &noProgram
	}
	return &w.Programs[inForce(w.Programs, func(p ProgramVersion) int64 { return p.At }, at)]
}

// refusal says why a partner is not credited at a moment; empty: nothing is against it.
func (w *World) refusal(id schema.PartnerID, at int64) schema.AttributionReason {
	p, ok := w.Partners[id]
	if !ok || len(p.Statuses) == 0 {
		return schema.ReasonUnknownPartner
	}
	switch p.Statuses[inForce(p.Statuses, func(s StatusVersion) int64 { return s.At }, at)].Status {
	case schema.PartnerSuspended:
		return schema.ReasonPartnerSuspended
	case schema.PartnerDeclined:
		return schema.ReasonPartnerDeclined
	case schema.PartnerApplied:
		return schema.ReasonPartnerApplied
	}
	return ""
}

// inForce returns the index of the last version at or before a moment, of the first one before all of them.
func inForce[V any](versions []V, begins func(V) int64, at int64) int {
	n := sort.Search(len(versions), func(i int) bool { return begins(versions[i]) > at })
	return max(0, n-1)
}
