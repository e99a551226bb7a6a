// Command bench measures Fairlead against what its goals name: `make bench` runs it.
//
// `bench edge` loads four servers in turn with wrk, over loopback and connections that are kept alive, with
// requests as browsers make them: nginx that redirects with its access log on; a bare fasthttp server that
// answers the headers that Fairlead answers; a redirector whose stores are away; and `fairlead up`. Each is
// given the same processors, the load generator has the rest. The rounds are interleaved and their order
// rotates; ratios are taken round by round. What is not answered with a redirect fails the run.
//
// CPU is user and system time of the process and all its children, from /proc, for each request. Of `fairlead
// up` it is that of the whole tree, from before the load until every click of it stands in ClickHouse, is
// counted in Redis and in the reports, and ClickHouse has merged what it will merge because of them; so what
// the deployment spends on being there is in it too. At the end the clicks in ClickHouse are counted and have to be those that the redirector
// says it answered, and `fairlead verify` has to agree.
//
// "Stores away" is what every redirector goes through at times: it got its links from the stores, was
// restarted, and finds both addresses refusing. It answers and records as always. Its shippers read one
// batch each, which they hold, and try again every five seconds, which a refused connection makes too cheap
// to be seen; the batches are read before the first round.
package main
