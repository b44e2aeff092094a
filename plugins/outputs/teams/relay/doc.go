// Package relay hands alerts to a receiver or an Alertmanager, over
// Alertmanager's API, as Prometheus does, but at least once: an alert is in
// the store before it is on its way, and stays there until its end was
// accepted.
//
// What fires is posted when it changes and again every minute, each time with
// an end a few minutes ahead, so that the other side ends by itself what
// nobody speaks of any more. What ended is posted until it is accepted. Who
// began and ended while the other side could not be reached is told as firing
// first, because an end of something unknown is no news to anybody. While it
// cannot be reached, an alert that ends and fires again stays one that fires.
package relay
