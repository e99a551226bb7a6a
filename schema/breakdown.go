package schema

// Dimension is what a partner's clicks are told apart by.
type Dimension string

// The dimensions, as breakdown_days and breakdown_months name them.
const (
	DimensionCountry     Dimension = "country"
	DimensionDevice      Dimension = "device"
	DimensionBrowser     Dimension = "browser"
	DimensionReferrer    Dimension = "referrer" // its host
	DimensionSubID       Dimension = "sub_id"
	DimensionLandingPage Dimension = "landing_page" // the path of the link's destination
)

// BreakdownValues is how many values of a dimension are kept of a partner's day, and of a month: the most frequent ones.
// What the others have stands together in a row of its own, so that a flood of values costs no more than this.
const BreakdownValues = 1000
