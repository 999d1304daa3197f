/* One Gaussian at one pixel, premultiplied; blended back to front. place: position in standard deviations.
 * about.x: view depth; about.y: 1 when its head is selected, 2 when it is the active one. */
void main()
{
  float alpha = min(tint.a * exp(-0.5 * dot(place, place)), 0.999);
  if (alpha < 1.0 / 255.0) {
    discard;
  }
  float seen = alpha;
  float lead = options.z;
  if (lead >= 0.0) {
    /* Exact occlusion: this Gaussian is hidden where the scene is nearer than it, whatever others are. */
    float near = picture.z, far = picture.w;
    ivec2 texel = min(ivec2(gl_FragCoord.xy * options.w), textureSize(scene_depth, 0) - 1);
    float ndc = 2.0 * texelFetch(scene_depth, texel, 0).r - 1.0;
    float nearest = options.x > 0.5 ? 0.5 * (ndc * (far - near) + near + far) :
                                      2.0 * near * far / (far + near - ndc * (far - near));
    if (ndc < 1.0 && about.x > nearest + lead) {
      seen = 0.0; /* the heads' silhouettes stay whole for the contour */
    }
  }
  splat_color = vec4(tint.rgb, 1.0) * seen;
  splat_depth = vec4(about.x, min(about.y, 1.0), max(about.y - 1.0, 0.0), 1.0) * alpha;
}
