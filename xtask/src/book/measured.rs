//! Tables of measured results, from the `compare.json` of a comparison of runs.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::counted::grouped;

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", file.display()))
}

fn list<'a>(of: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    of[key]
        .as_array()
        .with_context(|| format!("there is no list \"{key}\""))
}

fn text<'a>(of: &'a Value, key: &str) -> Result<&'a str> {
    of[key]
        .as_str()
        .with_context(|| format!("there is no text \"{key}\""))
}

fn number(of: &Value, pointer: &str) -> Result<f64> {
    of.pointer(pointer)
        .and_then(Value::as_f64)
        .with_context(|| format!("there is no number {pointer}"))
}

/// One column per run: results with the interval of the accuracy, and costs.
pub(super) fn runs(file: &Path) -> Result<String> {
    let all = read(file)?;
    let runs = list(&all, "runs")?;
    let mut table = "| |".to_owned();
    for run in runs {
        table += &format!(" {} |", text(run, "name")?);
    }
    table += &format!("\n| --- |{}\n", " --- |".repeat(runs.len()));
    let mut row = |name: &str, cell: &dyn Fn(&Value) -> Result<String>| -> Result<()> {
        let cells = runs.iter().map(cell).collect::<Result<Vec<_>>>()?;
        table += &format!("| {name} | {} |\n", cells.join(" | "));
        Ok(())
    };
    let share = |pointer: &'static str| move |run: &Value| Ok(format!("{:.3}", number(run, pointer)?));
    row("accuracy", &|run| {
        Ok(format!("**{:.3}**", number(run, "/metrics/accuracy")?))
    })?;
    row("its 95 % interval", &|run| {
        let ends = ["/accuracy_interval/lower", "/accuracy_interval/upper"].map(|end| number(run, end));
        let [lower, upper] = ends;
        Ok(format!("{:.3} to {:.3}", lower?, upper?))
    })?;
    row("balanced accuracy", &share("/metrics/balanced_accuracy"))?;
    row("macro precision", &share("/metrics/macro/precision"))?;
    row("macro recall", &share("/metrics/macro/recall"))?;
    row("macro F1", &share("/metrics/macro/f1"))?;
    row(
        "macro AUC, one against the rest",
        &share("/metrics/auc/macro_ovr"),
    )?;
    row("log loss", &share("/metrics/log_loss"))?;
    row("expected calibration error", &share("/metrics/ece"))?;
    row("parameters", &|run| {
        Ok(grouped(number(run, "/cost/parameters")? as u64))
    })?;
    row("multiply-adds for a photo", &|run| {
        Ok(format!("{:.3} G", number(run, "/cost/multiply_adds")? / 1e9))
    })?;
    row("training and validation", &|run| {
        Ok(format!("{:.0} min", number(run, "/training_seconds")? / 60.0))
    })?;
    row("one photo, alone", &|run| {
        Ok(format!("{:.0} ms", number(run, "/cost/latency_seconds")? * 1e3))
    })?;
    Ok(table)
}

/// One row per run: the results in short.
pub(super) fn reached(file: &Path) -> Result<String> {
    let mut table = "| network | test accuracy | 95 % interval | macro F1 | training and validation |\n\
                     | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for run in list(&read(file)?, "runs")? {
        table += &format!(
            "| {} | {:.3} | {:.3} to {:.3} | {:.3} | {:.0} min |\n",
            text(run, "name")?,
            number(run, "/metrics/accuracy")?,
            number(run, "/accuracy_interval/lower")?,
            number(run, "/accuracy_interval/upper")?,
            number(run, "/metrics/macro/f1")?,
            number(run, "/training_seconds")? / 60.0,
        );
    }
    Ok(table)
}

/// One row per pair of runs: McNemar's test.
pub(super) fn pairs(file: &Path) -> Result<String> {
    let mut table = "| | only the first is right | only the second is right | McNemar's p |\n\
                     | --- | --- | --- | --- |\n"
        .to_owned();
    for pair in list(&read(file)?, "pairs")? {
        let p_value = number(pair, "/mcnemar/p_value")?;
        table += &format!(
            "| {} – {} | {} | {} | {} |\n",
            text(pair, "first")?,
            text(pair, "second")?,
            number(pair, "/mcnemar/only_first_right")?,
            number(pair, "/mcnemar/only_second_right")?,
            if p_value < 1e-4 {
                "< 0.0001".to_owned()
            } else {
                format!("{p_value:.4}")
            },
        );
    }
    Ok(table)
}

/// One row per class: the F1 of each run.
pub(super) fn classes(file: &Path) -> Result<String> {
    let all = read(file)?;
    let runs = list(&all, "runs")?;
    let mut table = "| F1 | photos |".to_owned();
    for run in runs {
        table += &format!(" {} |", text(run, "name")?);
    }
    table += &format!("\n| --- | --- |{}\n", " --- |".repeat(runs.len()));
    for (class, name) in list(&all, "class_names")?.iter().enumerate() {
        let value = |run: &Value, key: &str| number(run, &format!("/metrics/per_class/{class}/{key}"));
        let support = runs.first().map(|run| value(run, "support")).transpose()?;
        table += &format!(
            "| {} | {} |",
            name.as_str().unwrap_or_default(),
            support.unwrap_or_default()
        );
        for run in runs {
            table += &format!(" {:.3} |", value(run, "f1")?);
        }
        table += "\n";
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A comparison of two runs as the example writes it, as far as the tables read it.
    fn file(folder: &Path) -> std::path::PathBuf {
        let run = |name: &str, accuracy: f64| {
            serde_json::json!({
                "name": name,
                "accuracy_interval": { "lower": accuracy - 0.02, "upper": accuracy + 0.02 },
                "cost": { "parameters": 21_288_263, "multiply_adds": 3_663_000_000_u64, "latency_seconds": 0.0327 },
                "training_seconds": 1260.0,
                "metrics": {
                    "accuracy": accuracy, "balanced_accuracy": 0.5, "log_loss": 0.25, "ece": 0.125,
                    "macro": { "precision": 0.5, "recall": 0.5, "f1": 0.5 },
                    "auc": { "macro_ovr": 0.9 },
                    "per_class": [{ "name": "Van", "support": 65, "f1": 0.75 }],
                },
            })
        };
        let all = serde_json::json!({
            "class_names": ["Van"],
            "runs": [run("resnet34", 0.625), run("xception", 0.9)],
            "pairs": [{
                "first": "resnet34", "second": "xception",
                "mcnemar": { "only_first_right": 3, "only_second_right": 40, "p_value": 1e-9 },
            }],
        });
        let path = folder.join("compare.json");
        std::fs::write(&path, all.to_string()).unwrap();
        path
    }

    #[test]
    fn tables_hold_the_numbers_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let table = runs(&file).unwrap();
        for line in [
            "| | resnet34 | xception |",
            "| accuracy | **0.625** | **0.900** |",
            "| its 95 % interval | 0.605 to 0.645 | 0.880 to 0.920 |",
            "| parameters | 21,288,263 | 21,288,263 |",
            "| training and validation | 21 min | 21 min |",
            "| one photo, alone | 33 ms | 33 ms |",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
        let table = reached(&file).unwrap();
        assert!(
            table.ends_with("| xception | 0.900 | 0.880 to 0.920 | 0.500 | 21 min |\n"),
            "{table}"
        );
        let table = pairs(&file).unwrap();
        assert!(
            table.ends_with("| resnet34 – xception | 3 | 40 | < 0.0001 |\n"),
            "{table}"
        );
        let table = classes(&file).unwrap();
        assert!(table.ends_with("| Van | 65 | 0.750 | 0.750 |\n"), "{table}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compare.json");
        std::fs::write(
            &path,
            r#"{"runs": [{"name": "a"}], "class_names": [], "pairs": [{}]}"#,
        )
        .unwrap();
        assert!(runs(&path).unwrap_err().to_string().contains("/metrics/accuracy"));
        assert!(pairs(&path).unwrap_err().to_string().contains("mcnemar"));
        assert!(format!("{:#}", runs(&folder.path().join("no.json")).unwrap_err()).contains("no.json"));
    }
}
