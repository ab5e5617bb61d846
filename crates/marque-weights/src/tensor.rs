use crate::bytes::Bytes;
use crate::{DType, Error};
use std::borrow::Cow;

/// A dense array: little-endian numbers in row-major order, in memory or in a mapped file. A clone is no copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<usize>,
    bytes: Bytes,
}

impl Tensor {
    /// A tensor from its bytes.
    ///
    /// # Errors
    /// [`Error::WrongLength`] if the bytes do not fill the shape exactly.
    pub fn new(dtype: DType, shape: &[usize], bytes: Vec<u8>) -> Result<Self, Error> {
        Self::from_bytes(dtype, shape, bytes.into())
    }

    pub(crate) fn from_bytes(dtype: DType, shape: &[usize], bytes: Bytes) -> Result<Self, Error> {
        let expected = bytes_of(dtype, shape);
        if expected == Some(bytes.len()) {
            return Ok(Self {
                dtype,
                shape: shape.to_vec(),
                bytes,
            });
        }
        Err(Error::WrongLength {
            shape: shape.to_vec(),
            expected: expected.unwrap_or(usize::MAX),
            found: bytes.len(),
        })
    }

    /// A tensor from numbers in row-major order.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Result<Self, Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::new(DType::F32, shape, bytes)
    }

    /// The type of its numbers.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.dtype.size_bytes()
    }

    /// Whether it has no numbers.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its numbers as little-endian bytes in row-major order.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same numbers under other dimensions.
    ///
    /// # Errors
    /// [`Error::WrongLength`] if there are not as many of them.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Self, Error> {
        Self::from_bytes(self.dtype, shape, self.bytes.clone())
    }

    /// Its numbers as `f32` in row-major order, without a copy where they lie so in memory; `f64` is rounded. `None` for
    /// integers, which no network has for parameters.
    pub fn to_f32(&self) -> Option<Cow<'_, [f32]>> {
        let bytes: &[u8] = &self.bytes;
        Some(match self.dtype {
            DType::F32 if cfg!(target_endian = "little") => match bytemuck::try_cast_slice(bytes) {
                Ok(values) => Cow::Borrowed(values),
                // Not at a multiple of four.
                Err(_) => Cow::Owned(collect(bytes, f32::from_le_bytes)),
            },
            DType::F32 => Cow::Owned(collect(bytes, f32::from_le_bytes)),
            DType::F64 => Cow::Owned(collect(bytes, |bytes| f64::from_le_bytes(bytes) as f32)),
            DType::F16 => Cow::Owned(collect(bytes, |bytes| half::f16::from_le_bytes(bytes).to_f32())),
            DType::BF16 => Cow::Owned(collect(bytes, |bytes| half::bf16::from_le_bytes(bytes).to_f32())),
            _ => return None,
        })
    }

    /// Its numbers as `f64` in row-major order, of whichever type they are; integers beyond 2⁵³ are rounded, `true` is 1.
    pub fn to_f64(&self) -> Vec<f64> {
        let bytes: &[u8] = &self.bytes;
        match self.dtype {
            DType::F32 => collect(bytes, |bytes| f32::from_le_bytes(bytes).into()),
            DType::F64 => collect(bytes, f64::from_le_bytes),
            DType::F16 => collect(bytes, |bytes| half::f16::from_le_bytes(bytes).into()),
            DType::BF16 => collect(bytes, |bytes| half::bf16::from_le_bytes(bytes).into()),
            DType::I64 => collect(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
            DType::I32 => collect(bytes, |bytes| i32::from_le_bytes(bytes).into()),
            DType::I16 => collect(bytes, |bytes| i16::from_le_bytes(bytes).into()),
            DType::I8 => collect(bytes, |bytes| i8::from_le_bytes(bytes).into()),
            DType::U64 => collect(bytes, |bytes| u64::from_le_bytes(bytes) as f64),
            DType::U32 => collect(bytes, |bytes| u32::from_le_bytes(bytes).into()),
            DType::U16 => collect(bytes, |bytes| u16::from_le_bytes(bytes).into()),
            DType::U8 => bytes.iter().map(|&byte| byte.into()).collect(),
            DType::Bool => bytes.iter().map(|&byte| f64::from(u8::from(byte != 0))).collect(),
        }
    }

    /// The same numbers in half precision (IEEE binary16), each rounded to the nearest; `None` if they are integers, or one lies beyond
    /// ±65504 and would become infinite.
    ///
    /// ```
    /// use marque_weights::{DType, Tensor};
    ///
    /// let half = Tensor::from_f32(&[2], &[1.0, 0.1])?.to_half_precision().unwrap();
    /// assert_eq!((half.dtype(), half.bytes().len()), (DType::F16, 4));
    /// assert!((half.to_f32().unwrap()[1] - 0.1).abs() < 3e-5);
    /// assert!(Tensor::from_f32(&[1], &[1e6])?.to_half_precision().is_none());
    /// # Ok::<(), marque_weights::Error>(())
    /// ```
    pub fn to_half_precision(&self) -> Option<Self> {
        let values = self.to_f32()?;
        let halves: Vec<half::f16> = values.iter().map(|&value| half::f16::from_f32(value)).collect();
        let overflows = values
            .iter()
            .zip(&halves)
            .any(|(value, half)| value.is_finite() && !half.is_finite());
        if overflows {
            return None;
        }
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        Self::new(DType::F16, &self.shape, bytes).ok()
    }

    /// Lets the operating system have the memory back that a mapped file's numbers take, until they are looked at
    /// again. A caller that copies one tensor after the other holds the copies alone.
    pub fn release(&self) {
        self.bytes.forget();
    }
}

/// Bytes that numbers of this type and shape take; `None` if a machine word cannot count them.
pub(crate) fn bytes_of(dtype: DType, shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(dtype.size_bytes(), |product, &extent| product.checked_mul(extent))
}

fn collect<T, const SIZE: usize>(bytes: &[u8], number: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    let (numbers, _) = bytes.as_chunks::<SIZE>();
    numbers.iter().map(|&bytes| number(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_type_becomes_f32() {
        let one_and_a_half = [
            (DType::F32, 1.5f32.to_le_bytes().to_vec()),
            (DType::F64, 1.5f64.to_le_bytes().to_vec()),
            (DType::F16, half::f16::from_f32(1.5).to_le_bytes().to_vec()),
            (DType::BF16, half::bf16::from_f32(1.5).to_le_bytes().to_vec()),
        ];
        for (dtype, bytes) in one_and_a_half {
            let tensor = Tensor::new(dtype, &[1], bytes).unwrap();
            assert_eq!(tensor.to_f32().unwrap()[..], [1.5], "{dtype}");
        }
        assert!(Tensor::new(DType::U8, &[1], vec![1]).unwrap().to_f32().is_none());
    }

    #[test]
    fn every_type_becomes_f64() {
        let three = |dtype: DType| match dtype {
            DType::F32 => 3f32.to_le_bytes().to_vec(),
            DType::F64 => 3f64.to_le_bytes().to_vec(),
            DType::F16 => half::f16::from_f32(3.0).to_le_bytes().to_vec(),
            DType::BF16 => half::bf16::from_f32(3.0).to_le_bytes().to_vec(),
            _ => 3u64.to_le_bytes()[..dtype.size_bytes()].to_vec(),
        };
        for dtype in DType::ALL {
            let bytes = [three(dtype), vec![0; dtype.size_bytes()]].concat();
            let expected = if dtype == DType::Bool { 1.0 } else { 3.0 };
            let tensor = Tensor::new(dtype, &[2], bytes).unwrap();
            assert_eq!(tensor.to_f64(), [expected, 0.0], "{dtype}");
        }
        for dtype in [DType::I8, DType::I16, DType::I32, DType::I64] {
            let tensor = Tensor::new(dtype, &[1], vec![0xff; dtype.size_bytes()]).unwrap();
            assert_eq!(tensor.to_f64(), [-1.0], "{dtype}");
        }
        for (dtype, expected) in [
            (DType::U8, 255.0),
            (DType::U16, 65_535.0),
            (DType::U32, 4_294_967_295.0),
            (DType::U64, 18_446_744_073_709_551_615.0),
        ] {
            let tensor = Tensor::new(dtype, &[1], vec![0xff; dtype.size_bytes()]).unwrap();
            assert_eq!(tensor.to_f64(), [expected], "{dtype}");
        }
    }

    #[test]
    fn numbers_at_an_odd_address_are_read_all_the_same() {
        let mut bytes = vec![0];
        bytes.extend([1.0f32, -2.0].iter().flat_map(|value| value.to_le_bytes()));
        let part = Bytes::from(bytes).slice(1..9).unwrap();
        let tensor = Tensor::from_bytes(DType::F32, &[2], part).unwrap();
        assert_eq!(tensor.to_f32().unwrap()[..], [1.0, -2.0]);
    }

    #[test]
    fn a_shape_that_overflows_is_refused() {
        let huge = Tensor::new(DType::F32, &[usize::MAX, usize::MAX], vec![0; 4]);
        assert!(matches!(huge, Err(Error::WrongLength { .. })));
    }
}
