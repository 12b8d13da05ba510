-- wrk's summary as one line of JSON, latencies in microseconds.
done = function(summary, latency, requests)
  local failed = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"p50":%d,"p90":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(90), latency:percentile(99),
    failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
