use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::table::{Record, TableReader, io_error};

/// What one epoch of training was like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The number of the epoch, from 1.
    pub epoch: u32,
    /// The mean loss over the training samples, while they were trained on.
    pub train_loss: f64,
    /// The fraction of training samples predicted rightly, while they were trained on, from 0 to 1.
    pub train_accuracy: f64,
    /// The mean loss over the validation samples after the epoch; `None` without a validation part.
    pub validation_loss: Option<f64>,
    /// The fraction of validation samples predicted rightly after the epoch, from 0 to 1; `None` without a
    /// validation part.
    pub validation_accuracy: Option<f64>,
    /// The learning rate at the end of the epoch.
    pub learning_rate: f64,
    /// Training images per second, validation left out.
    pub images_per_second: f64,
    /// The duration of the epoch in seconds, validation included.
    pub seconds: f64,
    /// The fraction of the training time spent waiting for batches, from 0 to 1.
    pub waiting_for_data: f64,
}

/// The epochs of a training run, in order.
///
/// # Example
/// ```
/// use marque_metrics::History;
///
/// let table = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,\
///              learning_rate,images_per_second,seconds,waiting_for_data\n\
///              1,1.9,0.3,1.7,0.4,0.001,5.0,600.0,0.01\n\
///              2,1.6,0.4,1.8,0.35,0.001,5.1,590.0,0.01\n";
/// let history = History::read_csv(table.as_bytes())?;
/// assert_eq!(history.best_epoch().map(|best| best.epoch), Some(1));
///
/// let mut written = Vec::new();
/// history.write_csv(&mut written)?;
/// assert_eq!(written, table.as_bytes());
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The epochs, oldest first.
    pub epochs: Vec<EpochRecord>,
}

const COLUMNS: [&str; 9] = [
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "images_per_second",
    "seconds",
    "waiting_for_data",
];

impl History {
    /// The epoch with the lowest validation loss, the first of several; `None` if no epoch has one.
    ///
    /// A loss that is not a number is never the lowest.
    pub fn best_epoch(&self) -> Option<&EpochRecord> {
        self.epochs
            .iter()
            .filter_map(|epoch| Some((epoch, epoch.validation_loss.filter(|loss| !loss.is_nan())?)))
            .reduce(|best, next| if next.1 < best.1 { next } else { best })
            .map(|(epoch, _)| epoch)
    }

    /// Writes one line per epoch, after a line with the names of the fields.
    ///
    /// Numbers have as many digits as it takes to read back the same bits; `None` is an empty field.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_csv(&self, target: impl Write) -> Result<(), Error> {
        let mut writer = csv::Writer::from_writer(target);
        writer.write_record(COLUMNS).map_err(io_error)?;
        for epoch in &self.epochs {
            writer.write_record(epoch.fields()).map_err(io_error)?;
        }
        Ok(writer.flush()?)
    }

    /// Reads what [`write_csv`](Self::write_csv) wrote, also after a spreadsheet has saved it: with a byte-order mark, other
    /// ends of lines, semicolons or tabs between the fields and then decimal commas.
    ///
    /// # Errors
    /// [`Error::Header`] if the first line does not name the fields; [`Error::FieldCount`], [`Error::Field`],
    /// [`Error::EmptyLine`], [`Error::OpenQuote`], [`Error::LongLine`] and [`Error::Utf8`] name the line at fault;
    /// [`Error::Encoding`]; [`Error::Io`].
    pub fn read_csv(source: impl Read) -> Result<Self, Error> {
        let mut table = TableReader::new(source, COLUMNS[0])?;
        if !table.header().iter().eq(COLUMNS) {
            return Err(table.header_error(&COLUMNS.join(",")));
        }
        let mut epochs = Vec::new();
        while let Some(record) = table.next_record()? {
            epochs.push(EpochRecord::from_fields(&record)?);
        }
        Ok(Self { epochs })
    }
}

impl EpochRecord {
    fn fields(&self) -> [String; COLUMNS.len()] {
        let optional = |value: Option<f64>| value.map(text).unwrap_or_default();
        [
            self.epoch.to_string(),
            text(self.train_loss),
            text(self.train_accuracy),
            optional(self.validation_loss),
            optional(self.validation_accuracy),
            text(self.learning_rate),
            text(self.images_per_second),
            text(self.seconds),
            text(self.waiting_for_data),
        ]
    }

    fn from_fields(record: &Record<'_>) -> Result<Self, Error> {
        let number = |column| record.value(column, "a number");
        let optional = |column| record.optional(column, "a number or nothing");
        Ok(Self {
            epoch: record
                .value::<std::num::NonZeroU32>(0, "the number of an epoch, from 1")?
                .get(),
            train_loss: number(1)?,
            train_accuracy: number(2)?,
            validation_loss: optional(3)?,
            validation_accuracy: optional(4)?,
            learning_rate: number(5)?,
            images_per_second: number(6)?,
            seconds: number(7)?,
            waiting_for_data: number(8)?,
        })
    }
}

/// The shortest text that reads back as the same number.
fn text(value: f64) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn epoch(epoch: u32, validation_loss: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            train_loss: 1.0 / 3.0,
            train_accuracy: 0.1,
            validation_loss,
            validation_accuracy: validation_loss.map(|_| 0.7),
            learning_rate: 1e-300,
            images_per_second: f64::MAX,
            seconds: -0.0,
            waiting_for_data: 5e-324,
        }
    }

    fn history(losses: &[Option<f64>]) -> History {
        History {
            epochs: (1..)
                .zip(losses)
                .map(|(number, &loss)| epoch(number, loss))
                .collect(),
        }
    }

    #[test]
    fn the_best_epoch_has_the_lowest_loss_and_is_the_first_of_several() {
        let best = |losses: &[Option<f64>]| history(losses).best_epoch().map(|best| best.epoch);
        assert_eq!(best(&[Some(3.0), Some(1.0), Some(2.0), Some(1.0)]), Some(2));
        assert_eq!(
            best(&[Some(f64::NAN), None, Some(f64::INFINITY), Some(2.0)]),
            Some(4)
        );
        assert_eq!(best(&[Some(2.0), Some(f64::NAN)]), Some(1));
        assert_eq!(best(&[Some(f64::NAN), None]), None);
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn a_history_without_epochs_has_a_header() {
        let mut written = Vec::new();
        History::default().write_csv(&mut written).unwrap();
        assert_eq!(written, format!("{}\n", COLUMNS.join(",")).as_bytes());
        assert_eq!(History::read_csv(&written[..]).unwrap(), History::default());
    }

    #[test]
    fn the_columns_are_the_fields() {
        let json = serde_json::to_value(epoch(1, None)).unwrap();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        let mut columns = COLUMNS;
        // serde_json keeps the keys of an object sorted.
        columns.sort_unstable();
        assert_eq!(names, columns);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let header = COLUMNS.join(",");
        let fault = |text: String| History::read_csv(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            fault(format!("{header}\n1,1,1,,,1,1,1,0\n2,1,1,x,,1,1,1,0\n")),
            r#"line 3, column "validation_loss": expected a number or nothing, found "x""#
        );
        assert_eq!(
            fault(format!("{header}\n0,1,1,,,1,1,1,0\n")),
            r#"line 2, column "epoch": expected the number of an epoch, from 1, found "0""#
        );
        assert_eq!(
            fault(format!("{header}\n1,1\n")),
            "line 2: expected 9 fields, found 2"
        );
        assert_eq!(
            fault("loss\n".to_owned()),
            format!("line 1: expected the columns {header}, found loss")
        );
        assert!(matches!(History::read_csv(&b""[..]), Err(Error::Header { .. })));
        let latin = [header.as_bytes(), b"\n1,1,1,,,1,1,\xe9,0\n"].concat();
        assert!(matches!(
            History::read_csv(&latin[..]),
            Err(Error::Utf8 { line: 2, field: 8 })
        ));
    }

    proptest! {
        #[test]
        fn every_number_reads_back_bit_by_bit(bits in prop::collection::vec(any::<u64>(), 6), loss: Option<u64>) {
            let number = |index: usize| f64::from_bits(bits[index]);
            let record = EpochRecord {
                epoch: 7,
                train_loss: number(0),
                train_accuracy: number(1),
                validation_loss: loss.map(f64::from_bits),
                validation_accuracy: loss.map(f64::from_bits),
                learning_rate: number(2),
                images_per_second: number(3),
                seconds: number(4),
                waiting_for_data: number(5),
            };
            let mut written = Vec::new();
            History { epochs: vec![record] }.write_csv(&mut written).unwrap();
            let read = History::read_csv(&written[..]).unwrap();
            let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            let [found] = read.epochs[..] else { panic!("one epoch") };
            prop_assert!(same(found.train_loss, record.train_loss));
            prop_assert!(same(found.waiting_for_data, record.waiting_for_data));
            prop_assert!(same(found.seconds, record.seconds));
            prop_assert_eq!(found.fields(), record.fields());
        }
    }
}
