"""The model that pip installs: an image classifier and a sentence encoder, bridged by the ImageNet classes.

Classifier: EfficientNet-Lite2 (Tan and Le 2019, arXiv:1905.11946; the Lite variants by Google, 2020).
Sentence encoder: all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957; Reimers and Gurevych 2019,
arXiv:1908.10084). The bridge is a descendant of ConSE (Norouzi et al. 2013, arXiv:1312.5650), explained in
`bridge`. It needs no network, ever, and knows what a thousand everyday classes can express.
"""
