//! Streams: what comes out of records and of other parts.

use super::*;

/// Runs `f` over records that have the bin `n`, in lots of two, and puts its parts together.
fn run(source: &str, bins: &[i64]) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let functions = Functions::new(1);
    functions.put(Module::new("m", source.as_bytes()).expect("a module"));
    let call = || Call::new("m", "f", [text("n")].into(), Duration::from_secs(60));
    let (mut beside, mut run) =
        (Vec::new(), wait(|then| functions.stream(call(), Part::Beside, then))?);
    for lot in bins.chunks(2) {
        let records = lot.iter().map(|n| ("s".into(), record(&[("n", int(*n))]))).collect();
        let input = Input::Records(records, 0);
        let (on, values) = wait(|then| functions.feed(run, input, then))?;
        run = on;
        beside.extend(values);
    }
    beside.extend(wait(|then| functions.finish(run, then))?);
    let run = wait(|then| functions.stream(call(), Part::Together, then))?;
    let input = Input::Values(beside.clone());
    let (run, mut together) = wait(|then| functions.feed(run, input, then))?;
    together.extend(wait(|then| functions.finish(run, then))?);
    Ok((beside, together))
}

const SUM: &str = "function f(s, bin)
    local function value(rec) return rec[bin] end
    local function add(a, b) return a + b end
    return s : map(value) : reduce(add)
end";

#[test]
fn sums() {
    let (beside, together) = run(SUM, &[1, 2, 3, 4, 5]).expect("a sum");
    assert_eq!((beside, together), (vec![int(15)], vec![int(15)]));
    assert_eq!(run(SUM, &[]).expect("nothing"), (vec![], vec![]));
}

#[test]
fn averages_over_several_parts() {
    let source = "function f(s, bin)
        local function put(agg, rec)
            agg.sum, agg.count = agg.sum + rec[bin], agg.count + 1
            return agg
        end
        local function join(a, b)
            return map { sum = a.sum + b.sum, count = a.count + b.count }
        end
        local function div(a) return a.sum / a.count end
        return s : aggregate(map { sum = 0, count = 0 }, put) : reduce(join) : map(div)
    end";
    let (beside, together) = run(source, &[1, 2, 6]).expect("an average");
    assert_eq!(beside, [Value::map([(text("count"), int(3)), (text("sum"), int(9))])]);
    assert_eq!(together, [Value::Double(3.0)]);
}

#[test]
fn filters_and_groups() {
    let source = "function f(s, bin)
        return s : filter(function(rec) return rec[bin] > 1 end) : map(function(rec) return rec[bin] end)
            : groupby(function(n) return n % 2 == 0 and 'even' or 'odd' end)
    end";
    let (_, together) = run(source, &[1, 2, 3, 4, 5]).expect("groups");
    let list = |items: &[i64]| Value::list(items.iter().map(|n| int(*n)).collect::<Vec<_>>());
    assert_eq!(
        together,
        [Value::map([(text("even"), list(&[2, 4])), (text("odd"), list(&[3, 5]))])]
    );
}

#[test]
fn values_come_as_they_are_made_and_nil_is_left_out() {
    let source = "function f(s, bin)
        return s : map(function(rec) if rec[bin] ~= 2 then return rec[bin] * 10 end end)
    end";
    let (beside, together) = run(source, &[1, 2, 3]).expect("values");
    assert_eq!((&beside, &together), (&vec![int(10), int(30)], &beside));
}

#[test]
fn an_aggregate_begins_with_its_own_copy() {
    let source = "local start = map { n = 0 }
    function f(s, bin)
        return s : aggregate(start, function(m, rec) m.n = m.n + rec[bin] return m end)
            : map(function(m) return m.n + start.n end)
    end";
    assert_eq!(run(source, &[4, 5]).expect("a sum").0, [int(9)]);
}

#[test]
fn streams_fail_with_their_reason() {
    let said = |source: &str| run(source, &[1]).unwrap_err().to_string();
    let source =
        "function f(s) return s : map(function(rec) rec.n = 1 aerospike:update(rec) end) end";
    assert!(said(source).contains("can only be read"), "{}", said(source));
    assert!(said("function f(s) return 1 end").contains("has to return the stream"));
    assert!(said("function f(s) return s : map(1) end").contains("needs a function"));
    assert!(
        said("function f(s) return s : map(function(r) return r end) end").contains("a record")
    );
    assert!(said("function f(s) error('x') end").contains("m.lua:1: x"));
    let functions = Functions::new(1);
    let source = "function f(s) return s : map(function() while true do end end) end";
    functions.put(Module::new("m", source.as_bytes()).expect("a module"));
    let call = Call::new("m", "f", [].into(), Duration::from_millis(100));
    let run = wait(|then| functions.stream(call, Part::Beside, then)).expect("a stream");
    let input = Input::Records(vec![("s".into(), record(&[]))], 0);
    let failure = wait(|then| functions.feed(run, input, then)).map(drop).unwrap_err();
    assert!(matches!(failure, Failure::Time { .. }), "{failure}");
}
